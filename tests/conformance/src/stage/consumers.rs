//! Who answers task tokens: consumers of queues, as the recorded tests had them.

use super::Shared;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tenantry_core::ports::Clock as _;

/// How a consumer answers the token in a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AnswerTokens {
    /// With the member `Message`.
    Success,
    /// With error and cause.
    Failure,
    /// A heartbeat after five seconds, then with the member `Message`.
    HeartbeatThenSuccess,
    /// Heartbeats, then with the whole message.
    HeartbeatsThenWholeMessage,
}

/// A consumer of a queue.
#[derive(Debug, Clone)]
pub(crate) struct Consumer {
    pub(crate) queue: String,
    pub(crate) answer: AnswerTokens,
}

impl Consumer {
    /// Polls its queue for as long as the case runs.
    pub(crate) async fn run(self, shared: Arc<Shared>) {
        loop {
            let sent = shared.sent.notified();
            let message = shared.world(|world| world.receive(&self.queue));
            let Some(message) = message else {
                sent.await;
                continue;
            };
            let Ok(body) = serde_json::from_str::<Value>(&message) else { continue };
            if let Some(token) = body["TaskToken"].as_str() {
                self.answer(&shared, token, &body, &message).await;
            }
        }
    }

    async fn answer(&self, shared: &Shared, token: &str, body: &Value, message: &str) {
        // A refused answer shows in the execution that waits for it.
        let succeed = |output: String| async move {
            let _ = shared.call("SendTaskSuccess", &json!({"taskToken": token, "output": output})).await;
        };
        match self.answer {
            AnswerTokens::Success => succeed(body["Message"].to_string()).await,
            AnswerTokens::Failure => {
                let failure = json!({"taskToken": token, "error": "Failure error", "cause": "Failure cause"});
                let _ = shared.call("SendTaskFailure", &failure).await;
            }
            AnswerTokens::HeartbeatThenSuccess => {
                heartbeat(shared, token).await;
                succeed(body["Message"].to_string()).await;
            }
            AnswerTokens::HeartbeatsThenWholeMessage => {
                for _ in 0..5 {
                    heartbeat(shared, token).await;
                }
                succeed(message.to_owned()).await;
            }
        }
    }
}

async fn heartbeat(shared: &Shared, token: &str) {
    let at = shared.clock.now().saturating_add(Duration::from_secs(5));
    shared.clock.sleep_until(at).await;
    let _ = shared.call("SendTaskHeartbeat", &json!({"taskToken": token})).await;
}

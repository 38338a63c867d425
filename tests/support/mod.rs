//! What the tests share: the real binary as a process, a product service, a webhook receiver.

pub mod receiver;
pub mod server;
pub mod service;

use serde_json::Value;
use std::time::{Duration, Instant};

/// How long anything may take before a test gives up: generous, because it bounds a fault and measures nothing.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// Asks again and again until there is an answer.
pub async fn until<T, F, Fut>(what: &str, mut ask: F) -> T
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Option<T>>,
{
    let began = Instant::now();
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(began.elapsed() < PATIENCE, "gave up waiting for: {what}");
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
}

/// The text at a JSON pointer.
pub fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_else(|| panic!("no text at {pointer} in {value:#}"))
}

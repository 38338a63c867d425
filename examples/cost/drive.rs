//! A sign-up, driven to its end: each worker at work where AWS would have a function at work.

use crate::home::Home;
use crate::meter::Call;
use crate::prices::Unit;
use crate::receiver::Request;
use crate::record::{Failed, failed};
use axum::http::Method;
use serde_json::{Value, json};
use std::time::Duration;
use tenantry_app::http::{HttpClient, HttpSettings};
use tenantry_app::workers::WorkerSettings;
use tenantry_app::workers::batch::Batch;
use tenantry_app::workers::consume::Handler;
use tenantry_app::workers::integrations::IntegrationWorker;
use tenantry_app::workers::relay::Relay;
use tenantry_app::workers::start::Starter;
use tenantry_app::workers::webhooks::{WebhookSender, WebhookSettings};
use tenantry_core::ExecutionId;
use tenantry_core::ports::ExecutionStatus;
use tenantry_engine::testing::quiesce;

/// Rounds after which a provisioning is judged to have no end.
const ROUNDS_MAX: usize = 1_000;
/// Transitions and messages that Step Functions itself causes are counted here.
pub const STATE_MACHINE: &str = "the state machine";
/// What an event source mapping receives and deletes.
const MAPPINGS: &str = "event source mappings";

impl Home {
    /// A sign-up, driven until the tenant is active and nothing is on its way.
    pub async fn provision(&mut self, name: &str) -> Result<(), Failed> {
        let token = self.admin_token.clone();
        let tenant = json!({"name": name, "plan": "pro", "adminEmail": "admin@example.com"});
        let signed = self.call(Method::POST, "/v1/tenants", &token, Some(tenant)).await?;
        let text = |pointer: &str| {
            signed.pointer(pointer).and_then(Value::as_str).map(str::to_owned).ok_or_else(|| failed(pointer))
        };
        let (tenant, execution) = (text("/tenant/tenantId")?, text("/operation/executionId")?);
        let execution: ExecutionId = execution.parse().map_err(|_| failed("no execution"))?;
        self.drive().await?;
        self.transitions(&execution).await?;
        let follow = self.meter.prices().assumptions.follow_requests.value as usize;
        for place in 1..=follow {
            let shown = self.call(Method::GET, &format!("/v1/tenants/{tenant}"), &token, None).await?;
            if place == follow && shown["status"] != "active" {
                return Err(failed(format!("the tenant is {}", shown["status"])));
            }
        }
        Ok(())
    }

    async fn drive(&mut self) -> Result<(), Failed> {
        let settings = WorkerSettings::metered();
        let client = || {
            let http = HttpSettings { allow_private: true, ..HttpSettings::default() };
            HttpClient::new(http).map_err(failed)
        };
        let starter = Starter::new(self.ports.clone());
        let retries = settings.integration_retries.clone();
        let integrations = IntegrationWorker::new(self.ports.clone(), client()?, retries, 16);
        let webhooks = WebhookSender::new(
            self.ports.clone(),
            client()?,
            WebhookSettings {
                owner: "cost".to_owned(),
                sole_process: false,
                lease: settings.delivery_lease,
                retries: settings.webhook_retries.clone(),
                calls_per_subscription_max: 16,
            },
        );
        let mut idle = 0;
        for _ in 0..ROUNDS_MAX {
            quiesce().await;
            let mut moved = self.relay(&settings).await;
            moved |= self.work("operations", &starter, false).await?;
            moved |= self.work("integrations", &integrations, true).await?;
            moved |= self.work("webhooks", &webhooks, true).await?;
            moved |= self.answer().await?;
            idle = if moved { 0 } else { idle + 1 };
            if idle == 3 {
                return Ok(());
            }
        }
        Err(failed(format!("no end after {ROUNDS_MAX} rounds")))
    }

    /// The stream tells the relay of what entered the outbox, commit by commit.
    async fn relay(&self, settings: &WorkerSettings) -> bool {
        let mut moved = false;
        while let Some(keys) = self.meter.take_news() {
            moved = true;
            self.trace("relay").await;
            let relay = Relay::new(self.ports.clone(), settings.operation_resend_after);
            let until = self.ports.clock.now().saturating_add(Duration::from_secs(60));
            self.meter.invoke("relay", relay.run_for(&keys, until)).await;
        }
        moved
    }

    /// One message, one invocation.
    async fn work(&self, name: &str, handler: &dyn Handler, calls: bool) -> Result<bool, Failed> {
        let bare = self.memory.ports().queues;
        let (Some(bare), Some(queue)) = (bare.get(name), self.ports.queues.get(name)) else {
            return Err(failed(format!("no queue {name}")));
        };
        let hidden = Duration::from_secs(60);
        let messages = bare.receive(1, hidden, Duration::ZERO).await.map_err(failed)?;
        let Some(message) = messages.first() else { return Ok(false) };
        // The mapping receives and deletes. The one receive that found something ends a poll early, whose successor
        // begins at once: it is one more than the idle polling that a month has anyway.
        self.meter.at(MAPPINGS, async { self.meter.add(Unit::SqsFairRequests, 2.0) }).await;
        self.trace(name).await;
        let batch = Batch {
            ports: &self.ports,
            queue_name: name,
            queue: queue.as_ref(),
            handler,
            in_flight_max: 1,
            until: self.ports.clock.now().saturating_add(hidden),
        };
        let again = self.meter.invoke(name, async {
            if calls {
                self.meter.wait(Call::Receiver);
            }
            batch.run(&messages).await
        });
        if !again.await.is_empty() {
            return Err(failed(format!("a message of {name} could not be handled: {}", message.body)));
        }
        bare.delete(&message.receipt).await.map_err(failed)?;
        Ok(true)
    }

    /// The services answer their task tokens over the API, each with its own token.
    async fn answer(&mut self) -> Result<bool, Failed> {
        let requests = self.receiver.take();
        let moved = !requests.is_empty();
        for request in requests {
            let Request { path, body } = request;
            let Some(number) = path.strip_prefix("/service/").and_then(|number| number.parse::<usize>().ok())
            else {
                continue;
            };
            let token = self.service_tokens.get(number).cloned().ok_or_else(|| failed("a stranger"))?;
            let answer =
                json!({"taskToken": body["taskToken"], "output": {"workspace": format!("ws-{number}")}});
            self.call(Method::POST, "/v1/task-tokens/success", &token, Some(answer)).await?;
        }
        Ok(moved)
    }

    /// Each state that was entered is a transition, and so is each further try of a task.
    /// <https://aws.amazon.com/step-functions/pricing/>
    async fn transitions(&self, execution: &ExecutionId) -> Result<(), Failed> {
        let workflows = self.ports.workflows.clone();
        let described = workflows.describe(execution).await.map_err(failed)?;
        if described.summary.status != ExecutionStatus::Succeeded {
            return Err(failed(format!("{execution} is {}", described.summary.status.as_str())));
        }
        let (mut entered, mut tasks, mut scheduled) = (0, 0, 0);
        let mut after = None;
        loop {
            let page = workflows.history(execution, after, false, 1_000).await.map_err(failed)?;
            for event in &page.events {
                entered += u32::from(event.event_type.ends_with("StateEntered"));
                tasks += u32::from(event.event_type == "TaskStateEntered");
                scheduled += u32::from(event.event_type == "TaskScheduled");
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        let ends = self.meter.prices().assumptions.execution_end_transitions.value;
        let transitions = f64::from(entered + scheduled.max(tasks) - tasks) + ends;
        self.meter
            .at(STATE_MACHINE, async {
                self.meter.add(Unit::StepFunctionsTransitions, transitions);
                self.meter.trace();
            })
            .await;
        Ok(())
    }
}

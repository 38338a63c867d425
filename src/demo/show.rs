//! Shows a provisioning live: a line per step, as its execution's history grows.

use crate::cli::{CliError, Client, history_after};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::Value;
use std::collections::HashMap;
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(90);

/// The end that a tenant came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Active,
    ProvisioningFailed,
    Other,
}

impl End {
    /// It must be this one.
    pub(super) fn expect(self, wanted: End) -> Result<(), CliError> {
        if self == wanted {
            return Ok(());
        }
        Err(CliError::failure(format!("The tenant came to {self:?}, and not to {wanted:?}.")))
    }
}

/// A tenant on its way.
pub(super) struct Watched<'a> {
    client: &'a Client,
    tenant: String,
    operation: String,
    execution: String,
    last: u64,
    entered: HashMap<String, i64>,
    bar: ProgressBar,
}

impl<'a> Watched<'a> {
    /// Of a sign-up's answer.
    pub(super) fn new(client: &'a Client, answer: Value) -> Self {
        let text =
            |pointer: &str| answer.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        if let Ok(style) = ProgressStyle::with_template("   {spinner} {msg}") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(100));
        let watched = Self {
            client,
            tenant: text("/tenant/tenantId"),
            operation: text("/operation/operationId"),
            execution: text("/operation/executionId"),
            last: 0,
            entered: HashMap::new(),
            bar,
        };
        watched.say(&format!("   answered 202: {} “{}”", watched.tenant, text("/tenant/name")));
        watched
    }

    /// Follows until a state whose name begins so is entered.
    pub(super) async fn until_state(&mut self, state: &str) -> Result<(), CliError> {
        let began = Instant::now();
        while !self.entered.keys().any(|entered| entered.starts_with(state)) {
            self.advance().await?;
            patience(began, &self.execution)?;
        }
        Ok(())
    }

    /// Follows to the end.
    pub(super) async fn until_end(&mut self) -> Result<End, CliError> {
        let began = Instant::now();
        loop {
            // Read before the history, so that an end is only believed once everything before it was shown.
            let operation = self.client.get(&format!("/v1/operations/{}", self.operation), &[]).await?;
            let status = operation.get("status").and_then(Value::as_str).unwrap_or_default();
            let grown = self.advance().await?;
            if !grown && !matches!(status, "queued" | "running") {
                self.bar.finish_and_clear();
                return self.conclude().await;
            }
            patience(began, &self.execution)?;
        }
    }

    async fn conclude(&self) -> Result<End, CliError> {
        let tenant = self.client.get(&format!("/v1/tenants/{}", self.tenant), &[]).await?;
        let status = tenant.get("status").and_then(Value::as_str).unwrap_or_default();
        let cause = tenant
            .pointer("/statusDetail/lastError/message")
            .and_then(Value::as_str)
            .filter(|_| status != "active")
            .map(|message| format!(": {message}"))
            .unwrap_or_default();
        self.say(&format!("   => the tenant is {status}{cause}"));
        Ok(match status {
            "active" => End::Active,
            "provisioning_failed" => End::ProvisioningFailed,
            _ => End::Other,
        })
    }

    /// Shows what is new; answers whether anything was.
    async fn advance(&mut self) -> Result<bool, CliError> {
        let events = match history_after(self.client, &self.execution, self.last).await {
            Ok(events) => events,
            // Between the answer 202 and the execution's start there is nothing to see yet.
            Err(error) if error.exit == crate::cli::Exit::NotFound => Vec::new(),
            Err(error) => return Err(error),
        };
        self.last = events.last().and_then(|event| event["id"].as_u64()).unwrap_or(self.last);
        for event in &events {
            self.show(event);
        }
        if events.is_empty() {
            tokio::time::sleep(Duration::from_millis(60)).await;
        }
        Ok(!events.is_empty())
    }

    fn show(&mut self, event: &Value) {
        let kind = event.get("type").and_then(Value::as_str).unwrap_or_default();
        let details = event.get("details").and_then(Value::as_object);
        let member = |name: &str| {
            details
                .and_then(|details| details.values().find_map(|inner| inner.get(name)))
                .and_then(Value::as_str)
                .unwrap_or_default()
        };
        let at = event.get("timestamp").and_then(Value::as_str).and_then(tenantry_core::Timestamp::parse);
        let at_ms = at.map_or(0, tenantry_core::Timestamp::as_millis);
        match kind {
            "TaskStateEntered" => {
                self.entered.insert(member("name").to_owned(), at_ms);
                self.bar.set_message(format!("{} …", member("name")));
            }
            "TaskStateExited" => {
                let name = member("name");
                let took =
                    self.entered.get(name).map(|since| format!("{} ms", at_ms - since)).unwrap_or_default();
                self.say(&format!("   ✓ {name:<24} {took}"));
            }
            "TaskFailed" => self.say(&format!("   ✗ {}: {}", member("error"), member("cause"))),
            "TaskTimedOut" => self.say(&format!("   ✗ {}", member("error"))),
            _ => {}
        }
    }

    /// A line that stays, above the moving one.
    fn say(&self, line: &str) {
        self.bar.suspend(|| tell!("{line}"));
    }
}

fn patience(began: Instant, execution: &str) -> Result<(), CliError> {
    if began.elapsed() < PATIENCE {
        return Ok(());
    }
    Err(CliError::failure(format!("{execution} has not ended after {} s.", PATIENCE.as_secs())))
}

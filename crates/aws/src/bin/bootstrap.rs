//! The Lambda bootstrap: one binary for every function. Lambda names the function by its handler.

use std::process::ExitCode;
use std::sync::Arc;
use tenantry_aws::lambda::{self, Process};
use tenantry_system::{SystemClock, SystemIds};
use tokio::signal::unix::{SignalKind, signal};

fn main() -> ExitCode {
    let clock = Arc::new(SystemClock);
    let variables: std::collections::BTreeMap<String, String> = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect();
    lambda::start_logs(variables.get("TENANTRY_LOG").map(String::as_str), clock.clone());
    // The runtime's own client panics without it.
    if !variables.contains_key("AWS_LAMBDA_RUNTIME_API") {
        eprintln!(
            "This is the bootstrap of Tenantry's Lambda functions: Lambda starts it. See docs/deploy.md."
        );
        return ExitCode::from(2);
    }
    let ids = match SystemIds::new() {
        Ok(ids) => Arc::new(ids),
        Err(error) => return failed(&error),
    };
    // One thread: Lambda gives a function of this size less than one processor.
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&error),
    };
    let ended = runtime.block_on(async {
        let mut terminate = signal(SignalKind::terminate())?;
        let stop = async move {
            terminate.recv().await;
            tracing::info!("the process was told to end");
        };
        lambda::run(Process { variables, clock, ids }, stop).await
    });
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(&*error),
    }
}

fn failed(error: &dyn std::error::Error) -> ExitCode {
    tracing::error!(error = %error, "the function ends");
    ExitCode::FAILURE
}

//! The loop that asks Lambda for the next event, and ends where the process is told to.
//!
//! Lambda sends SIGTERM only to a runtime with an extension beside it, and ends others at once
//! (<https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html>). No extension is registered for
//! that: nothing here is kept back that would have to be written at the end. Where the signal does come, what runs is
//! finished and nothing more is asked for.

use super::invocation::{Invocation, Invoke, failure};
use futures::FutureExt as _;
use lambda_runtime::tower::{Layer, Service, service_fn};
use lambda_runtime::{Diagnostic, Error, LambdaEvent, LambdaInvocation, Runtime};
use serde_json::value::RawValue;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::sync::watch;
use tracing::Instrument as _;

/// Answers events until `stop` is done; then ends once what runs is answered.
///
/// # Errors
/// Lambda's own interface cannot be reached, or does not speak as it should.
pub(super) async fn serve(
    name: &'static str,
    function: Arc<dyn Invoke>,
    stop: impl Future<Output = ()> + Send,
) -> Result<(), Error> {
    let gate = Gate::default();
    let service = service_fn(move |event: LambdaEvent<Box<RawValue>>| {
        let function = function.clone();
        async move {
            let (payload, context) = event.into_parts();
            let invocation = Invocation::of(&context);
            let span = tracing::info_span!("invocation", function = name, requestId = invocation.request_id);
            let answer = async {
                let work = AssertUnwindSafe(function.invoke(&payload, &invocation)).catch_unwind();
                // The name that the same fault has on one machine; the hook has written message and place.
                let answer = work.await.unwrap_or_else(|_| {
                    Err(failure("Lambda.Unknown", "the function's code panicked; the log has the place"))
                });
                if let Err(Diagnostic { error_type, error_message }) = &answer {
                    tracing::warn!(error = error_type, reason = error_message, "the invocation failed");
                }
                answer
            };
            answer.instrument(span).await
        }
    });
    let runtime = Runtime::new(service).layer(gate.clone());
    tokio::select! {
        // The loop first: an event that has come is answered.
        biased;
        ended = runtime.run() => ended,
        () = gate.closed(stop) => Ok(()),
    }
}

/// Knows whether an event is being answered, and lets no other in once it is closed.
#[derive(Clone)]
struct Gate {
    busy: watch::Sender<bool>,
    closed: watch::Sender<bool>,
}

impl Default for Gate {
    fn default() -> Self {
        Self { busy: watch::channel(false).0, closed: watch::channel(false).0 }
    }
}

impl Gate {
    /// Returns once `stop` is done and no event is being answered.
    async fn closed(&self, stop: impl Future<Output = ()>) {
        stop.await;
        self.closed.send_replace(true);
        // An error cannot be: this holds the sender.
        let _ = self.busy.subscribe().wait_for(|busy| !busy).await;
    }
}

impl<S> Layer<S> for Gate {
    type Service = Gated<S>;

    fn layer(&self, inner: S) -> Gated<S> {
        Gated { inner, gate: self.clone() }
    }
}

#[derive(Clone)]
struct Gated<S> {
    inner: S,
    gate: Gate,
}

impl<S> Service<LambdaInvocation> for Gated<S>
where
    S: Service<LambdaInvocation, Response = (), Error = Error>,
    S::Future: Send + 'static,
{
    type Response = ();
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<(), Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, invocation: LambdaInvocation) -> Self::Future {
        let gate = self.gate.clone();
        gate.busy.send_replace(true);
        // Its end is the answer's, on the wire.
        let answered = self.inner.call(invocation);
        Box::pin(async move {
            let result = answered.await;
            gate.busy.send_replace(false);
            if *gate.closed.borrow() {
                // The loop would ask for the next event before anyone else got a turn.
                std::future::pending::<()>().await;
            }
            result
        })
    }
}

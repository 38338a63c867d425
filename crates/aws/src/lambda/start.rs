//! Makes the function that this process is, once, and serves it.

use super::admin_token::VaultAdminToken;
use super::api::ApiFunction;
use super::authorizer::AuthorizerFunction;
use super::dead_letters::DeadLettersFunction;
use super::function::{Function, UnknownFunction, Worker};
use super::invocation::Invoke;
use super::queue::QueueFunction;
use super::relay::RelayFunction;
use super::runtime;
use super::schedule::{ReconcilerFunction, SweeperFunction};
use super::step::StepFunction;
use super::trace::Tracer;
use crate::{AwsHome, Clients, Deployment, clients};
use lambda_runtime::Error;
use lambda_runtime_api_client::{Client, body::Body};
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;
use tenantry_api::{ApiState, Authenticator};
use tenantry_app::http::{HttpBuildError, HttpClient, HttpSettings};
use tenantry_app::usecases::{App, Settings};
use tenantry_app::workers::WorkerSettings;
use tenantry_app::workers::consume::Handler;
use tenantry_app::workers::execution_status::ExecutionStatusWorker;
use tenantry_app::workers::integrations::IntegrationWorker;
use tenantry_app::workers::reconciler::{Reconciler, ReconcilerSettings};
use tenantry_app::workers::relay::Relay;
use tenantry_app::workers::start::Starter;
use tenantry_app::workers::sweeper::Sweeper;
use tenantry_app::workers::webhooks::{WebhookSender, WebhookSettings};
use tenantry_core::model::CatalogueError;
use tenantry_core::ports::{Clock, Ids};

/// What the bootstrap is started with: the process's variables, time and chance.
pub struct Process {
    /// All variables; which of them mean what is told by [`Deployment`] and by Lambda.
    pub variables: BTreeMap<String, String>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Ids and chance.
    pub ids: Arc<dyn Ids>,
}

/// Why a function cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The handler is none of ours.
    #[error(transparent)]
    Function(#[from] UnknownFunction),
    /// A variable is missing.
    #[error(transparent)]
    Variable(#[from] crate::deployment::MissingVariable),
    /// Plans or cells.
    #[error("the plans or cells of this build cannot be used: {0}")]
    Catalogue(#[from] CatalogueError),
    /// The outgoing HTTP client.
    #[error(transparent)]
    Http(#[from] HttpBuildError),
}

impl StartError {
    /// What Lambda is told in place of a type's name.
    fn name(&self) -> &'static str {
        match self {
            StartError::Function(_) => "Tenantry.UnknownFunction",
            StartError::Variable(_) => "Tenantry.MissingVariable",
            StartError::Catalogue(_) | StartError::Http(_) => "Tenantry.Internal",
        }
    }
}

/// Serves the function that `_HANDLER` names, until `stop` is done and what runs then is answered.
///
/// # Errors
/// The function cannot start, which Lambda is told of; or Lambda's own interface fails.
pub async fn run(process: Process, stop: impl Future<Output = ()> + Send) -> Result<(), Error> {
    match make(&process) {
        Ok((name, function)) => runtime::serve(name, function, stop).await,
        Err(error) => {
            tracing::error!(%error, "the function cannot start");
            report(&error).await?;
            Err(error.into())
        }
    }
}

/// Tells Lambda why the function does not start.
/// <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html#runtimes-api-initerror>
async fn report(error: &StartError) -> Result<(), Error> {
    let body = json!({"errorType": error.name(), "errorMessage": error.to_string(), "stackTrace": []});
    let request = lambda_http::http::Request::post("/2018-06-01/runtime/init/error")
        .header("lambda-runtime-function-error-type", error.name())
        .body(Body::from(body.to_string()))?;
    Client::builder().build()?.call(request).await?;
    Ok(())
}

fn make(process: &Process) -> Result<(&'static str, Arc<dyn Invoke>), StartError> {
    let variable = |name: &str| process.variables.get(name).filter(|value| !value.is_empty());
    let handler = variable("_HANDLER").map(String::as_str).unwrap_or_default();
    let (name, function) = Function::find(handler)?;
    let clients = Arc::new(Clients::new(clients::sdk_config(process.variables.clone())?));
    let deployment = Deployment::of(process.variables.clone());
    let tracer = Tracer::new(
        variable("AWS_XRAY_DAEMON_ADDRESS").map(String::as_str),
        process.clock.clone(),
        process.ids.clone(),
    );
    let home = AwsHome::new(clients, deployment, process.clock.clone(), process.ids.clone());
    Maker { home, tracer, settings: WorkerSettings::metered() }.make(function).map(|made| (name, made))
}

struct Maker {
    home: AwsHome,
    tracer: Tracer,
    settings: WorkerSettings,
}

impl Maker {
    fn make(&self, function: Function) -> Result<Arc<dyn Invoke>, StartError> {
        let tracer = self.tracer.clone();
        Ok(match function {
            Function::Step(step) => Arc::new(StepFunction { step, ctx: self.home.ctx()?, tracer }),
            Function::Worker(worker) => Arc::new(self.worker(worker)?),
            Function::DeadLetters => Arc::new(DeadLettersFunction {
                letters: self.home.dead_letters(),
                clock: self.home.clock().clone(),
                tracer,
            }),
            Function::Relay => Arc::new(RelayFunction { relay: self.relay()?, tracer }),
            Function::Sweeper => Arc::new(SweeperFunction {
                sweeper: Sweeper::new(
                    self.home.ports()?,
                    self.settings.operation_resend_after,
                    self.settings.cursor_scan_every,
                ),
                relay: self.relay()?,
                clock: self.home.clock().clone(),
                tracer,
            }),
            Function::Reconciler => Arc::new(ReconcilerFunction {
                reconciler: Reconciler::new(self.home.ports()?, ReconcilerSettings::default()),
                clock: self.home.clock().clone(),
                tracer,
            }),
            Function::Api => Arc::new(ApiFunction {
                router: tenantry_api::router(self.api()?),
                clock: self.home.clock().clone(),
                tracer,
            }),
            Function::Authorizer => {
                let authenticator = Authenticator::new(self.home.table(), self.admin_token());
                Arc::new(AuthorizerFunction { authenticator })
            }
        })
    }

    fn relay(&self) -> Result<Relay, StartError> {
        Ok(Relay::new(self.home.ports()?, self.settings.operation_resend_after))
    }

    fn http(&self) -> Result<HttpClient, StartError> {
        let allow_private = self.home.deployment().allow_private_webhooks();
        Ok(HttpClient::new(HttpSettings { allow_private, ..self.settings.http.clone() })?)
    }

    fn admin_token(&self) -> Arc<VaultAdminToken> {
        let (clock, ids) = (self.home.clock().clone(), self.home.ids().clone());
        Arc::new(VaultAdminToken::new(self.home.vault(), clock, ids))
    }

    fn api(&self) -> Result<ApiState, StartError> {
        let settings = Settings { allow_private_webhooks: self.home.deployment().allow_private_webhooks() };
        Ok(ApiState {
            app: Arc::new(App::new(self.home.ports()?, settings)),
            admin_token: self.admin_token(),
            // Nobody can be told of an event that another function published: whoever follows has to poll.
            events_signal: None,
            gauges: Vec::new(),
        })
    }

    fn worker(&self, worker: Worker) -> Result<QueueFunction, StartError> {
        let ports = self.home.ports()?;
        let settings = &self.settings;
        let handler: Arc<dyn Handler> = match worker {
            Worker::Operations => Arc::new(Starter::new(ports.clone())),
            Worker::ExecutionStatus => Arc::new(ExecutionStatusWorker::new(ports.clone())),
            Worker::Integrations => Arc::new(IntegrationWorker::new(
                ports.clone(),
                self.http()?,
                settings.integration_retries.clone(),
                settings.calls_per_receiver_max,
            )),
            Worker::Webhooks => {
                let webhooks = WebhookSettings {
                    owner: self.home.ids().next().to_string(),
                    // There are as many processes as there are invocations at once.
                    sole_process: false,
                    lease: settings.delivery_lease,
                    retries: settings.webhook_retries.clone(),
                    calls_per_subscription_max: settings.calls_per_receiver_max,
                };
                Arc::new(WebhookSender::new(ports.clone(), self.http()?, webhooks))
            }
        };
        let queue = self.home.queue(worker.queue());
        Ok(QueueFunction { worker, queue, ports, handler, tracer: self.tracer.clone() })
    }
}

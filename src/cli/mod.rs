//! The command line: noun, verb. stdout is data, stderr is talk.

mod aws_credentials;
mod client;
mod doctor;
mod event;
mod execution;
mod exit;
mod operation;
mod output;
mod queue;
mod serve;
mod service;
mod sse;
mod subscription;
mod tenant;
mod workflow;
mod workflow_test;

use clap::{Args, Parser, Subcommand};
pub use client::Client;
pub(crate) use execution::history_after;
pub use exit::{CliError, Exit};
pub use output::Format;
pub(crate) use output::line;
use std::path::PathBuf;
use std::process::ExitCode;

/// The folder that `serve` uses where none is named.
pub const DEFAULT_DATA_DIR: &str = "tenantry-data";

/// The control plane of a multi-tenant SaaS product.
///
/// Start with `tenantry demo`, or `tenantry serve` and `tenantry tenant create`.
#[derive(Debug, Parser)]
#[command(name = "tenantry", version, max_term_width = 100, propagate_version = true)]
pub struct Arguments {
    #[command(flatten)]
    connection: Connection,
    /// How to print data.
    #[arg(short = 'o', long, global = true, value_enum, default_value_t = Format::Table)]
    output: Format,
    #[command(subcommand)]
    command: Command,
}

impl Arguments {
    /// Whether this process will serve: then it logs more.
    pub fn is_server(&self) -> bool {
        matches!(self.command, Command::Serve(_) | Command::DemoService(_))
    }
}

/// Where the control plane is and how to be let in. Without `--url`, the data folder of a server on this machine
/// tells both.
#[derive(Debug, Clone, Args)]
pub struct Connection {
    /// The control plane's address.
    #[arg(long, global = true, env = "TENANTRY_URL")]
    url: Option<String>,
    /// The bearer token.
    #[arg(long, global = true, env = "TENANTRY_TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// The data folder.
    #[arg(long, global = true, env = "TENANTRY_DATA_DIR", default_value = DEFAULT_DATA_DIR)]
    data_dir: PathBuf,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the control plane from a data folder on this machine.
    Serve(serve::Options),
    /// Show a tenant provisioned, a failure compensated and a killed server resuming.
    Demo(crate::demo::Options),
    /// The demonstration's product service.
    #[command(hide = true)]
    DemoService(crate::demo_service::Options),
    /// Sign tenants up and look at them.
    #[command(subcommand)]
    Tenant(tenant::Verb),
    /// Look at operations and try failed ones again.
    #[command(subcommand)]
    Operation(operation::Verb),
    /// Watch executions and put them right.
    #[command(subcommand)]
    Execution(execution::Verb),
    /// Register the product services that take part in the lifecycle.
    #[command(subcommand)]
    Service(service::Verb),
    /// Subscribe webhooks to events.
    #[command(subcommand)]
    Subscription(subscription::Verb),
    /// Read the events.
    #[command(subcommand)]
    Event(event::Verb),
    /// Look into the queues and their dead letters.
    #[command(subcommand)]
    Queue(queue::Verb),
    /// Read and check the workflows of this build.
    #[command(subcommand)]
    Workflow(workflow::Verb),
    /// Print the access key of the server's Step Functions endpoint, as a profile for ~/.aws/config; with `-o json` as the
    /// AWS CLI's `credential_process` reads it.
    AwsCredentials,
    /// Say what a problem code means and what to do.
    Explain {
        /// The code, such as TNT-0107.
        code: String,
    },
    /// Check this machine, the data folder and the server, and say what is wrong.
    Doctor,
}

/// Carries the command out.
pub async fn run(arguments: Arguments) -> ExitCode {
    match dispatch(arguments).await {
        Ok(exit) => exit.into(),
        Err(error) => {
            error.report();
            error.exit.into()
        }
    }
}

async fn dispatch(arguments: Arguments) -> Result<Exit, CliError> {
    let Arguments { connection, output, command } = arguments;
    let client = || Client::connect(&connection);
    match command {
        Command::Serve(options) => serve::run(options, &connection.data_dir).await,
        Command::Demo(options) => crate::demo::run(options).await,
        Command::DemoService(options) => match crate::demo_service::run(options).await {
            Ok(()) => Ok(Exit::Success),
            Err(error) => Err(CliError::failure(error.to_string())),
        },
        Command::Tenant(verb) => tenant::run(verb, &client()?, output).await,
        Command::Operation(verb) => operation::run(verb, &client()?, output).await,
        Command::Execution(verb) => execution::run(verb, &client()?, output).await,
        Command::Service(verb) => service::run(verb, &client()?, output).await,
        Command::Subscription(verb) => subscription::run(verb, &client()?, output).await,
        Command::Event(verb) => event::run(verb, &client()?, output).await,
        Command::Queue(verb) => queue::run(verb, &client()?, output).await,
        Command::Workflow(verb) => workflow::run(verb, output),
        Command::AwsCredentials => aws_credentials::run(&connection.data_dir, output),
        Command::Explain { code } => explain(&code),
        Command::Doctor => doctor::run(&connection, output).await,
    }
}

fn explain(code: &str) -> Result<Exit, CliError> {
    let wanted = code.to_uppercase();
    match tenantry_api::help_page(&wanted) {
        Some(page) => {
            output::line(page.trim_end());
            Ok(Exit::Success)
        }
        None => Err(CliError::not_found(format!(
            "There is no code {code}; codes look like TNT-0107 and stand in every problem's `code`."
        ))),
    }
}

//! `tenantry demo`: what Tenantry is for, shown with real processes in a minute. A server and a product service run as
//! processes of their own from this one binary; one tenant becomes active, one is compensated, and one is in the
//! middle when the server is killed.

/// Prints a line; a reader that went away (`| head`) is no fault.
macro_rules! tell {
    ($($text:tt)*) => { crate::cli::line(&format!($($text)*)) };
}

mod processes;
mod show;

use crate::cli::{CliError, Client, Exit};
use processes::Processes;
use serde_json::{Value, json};
use show::{End, Watched};
use std::path::PathBuf;
use std::time::Duration;

/// A tenant whose name holds this word is refused by the demonstration's product service.
const REFUSED: &str = "Brittle";

/// How to show it.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// End after the demonstration; without it, everything keeps serving until Ctrl-C.
    #[arg(long)]
    exit: bool,
    /// Where the server keeps its data; a fresh folder among the temporary ones where it is left out.
    #[arg(long, value_name = "DIR")]
    demo_dir: Option<PathBuf>,
    /// Where the server listens.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    listen: String,
}

/// Shows it. Ends with 0 only where every tenant came to the end that it was to come to.
pub async fn run(options: Options) -> Result<Exit, CliError> {
    let mut processes = Processes::start(options.demo_dir.clone(), &options.listen).await?;
    let outcome = tokio::select! {
        outcome = play(&mut processes) => outcome,
        _ = tokio::signal::ctrl_c() => {
            eprintln!("\nstopped");
            return Ok(Exit::Failure);
        }
    };
    if let Err(error) = outcome {
        processes.show_log_tail();
        return Err(error);
    }
    farewell(&processes, options.exit);
    if !options.exit {
        processes.serve_until_ctrl_c().await?;
    }
    Ok(Exit::Success)
}

async fn play(processes: &mut Processes) -> Result<(), CliError> {
    let client = processes.client()?;
    tell!(
        "The control plane listens on {} and keeps everything in {}",
        client.base(),
        processes.dir().display()
    );
    tell!("A product service takes part in every provisioning; it is a process of its own.\n");

    tell!("1. A tenant signs up and becomes active");
    let acme = sign_up(&client, "Acme").await?;
    let mut watched = Watched::new(&client, acme);
    watched.until_end().await?.expect(End::Active)?;

    tell!("\n2. A product service refuses for good: everything made is undone, in reverse");
    let brittle = sign_up(&client, &format!("{REFUSED} Glass")).await?;
    let mut watched = Watched::new(&client, brittle);
    watched.until_end().await?.expect(End::ProvisioningFailed)?;

    tell!("\n3. The server is killed with -9 in the middle of a provisioning");
    let phoenix = sign_up(&client, "Phoenix").await?;
    let mut watched = Watched::new(&client, phoenix);
    watched.until_state("RequestIntegration").await?;
    let pid = processes.kill_server().await?;
    tell!("   ☠ kill -9 {pid}; the tenant is half made, nobody is at work");
    tokio::time::sleep(Duration::from_millis(700)).await;
    processes.start_server().await?;
    tell!("   ↻ the server is back as process {} on the same data folder", processes.server_pid());
    watched.until_end().await?.expect(End::Active)
}

async fn sign_up(client: &Client, name: &str) -> Result<Value, CliError> {
    let body = json!({"name": name, "plan": "pro", "adminEmail": "first.admin@example.com"});
    client.post("/v1/tenants", &body, None).await
}

fn farewell(processes: &Processes, exit: bool) {
    let dir = processes.dir().display();
    tell!("\nAll three tenants came to the end they were to come to.");
    if exit {
        return;
    }
    let program = std::env::args().next().unwrap_or_else(|| "tenantry".to_owned());
    tell!(
        "\nStill serving:\n  API       {base}/v1      (description: {base}/openapi.json)\n  service   {service}\n  \
         token     {token}\n\nTry, in another terminal:\n  {program} --data-dir {dir} tenant list\n  \
         {program} --data-dir {dir} tenant create 'My first' --admin-email me@example.com --wait\n  \
         {program} --data-dir {dir} event tail --from-start\n\nCtrl-C ends both processes.",
        base = processes.base(),
        service = processes.service_base(),
        token = processes.dir().join(crate::node::TOKEN_FILE).display(),
    );
}

//! What the home on AWS costs, counted: `cargo run --example cost`.
//!
//! A tenant's provisioning is recorded (the real definitions, steps, workers and API, in this process, over ports in
//! memory), each call of a port is counted in the units that AWS bills the adapters' calls by, and priced by
//! [`prices.json`](prices.json). So is a month in which nothing happens. Nothing here is typed in but prices and the
//! assumptions beside them, each with its reason.
//!
//! Ends with 1 where a target does not hold, and then says where the money goes.
#![allow(unreachable_pub, reason = "modules of one binary; nothing is reachable from outside")]

mod deployment;
mod drive;
mod dynamodb;
mod home;
mod invoker;
mod logs;
mod meter;
mod month;
mod ports;
mod prices;
mod receiver;
mod record;
mod report;
mod sealed;
mod table;
mod terraform;
#[cfg(test)]
mod tests;

use clap::Parser as _;
use deployment::Deployment;
use prices::Prices;
use record::Scenario;
use report::Report;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

/// What the home on AWS costs: a provisioned tenant, and an idle one in a month.
#[derive(clap::Parser)]
#[command(name = "cost")]
struct Arguments {
    /// One JSON document instead of tables.
    #[arg(long)]
    json: bool,
    /// Another price file than examples/cost/prices.json, such as of another region.
    #[arg(long, value_name = "FILE")]
    prices: Option<PathBuf>,
    /// Webhook subscriptions that the idle month has; the sweeper looks after each tenant's place in each.
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    subscriptions: usize,
}

/// The provisionings that are recorded.
const SCENARIOS: [Scenario; 3] = [
    Scenario { services: 0, subscriptions: 0 },
    Scenario { services: 2, subscriptions: 0 },
    Scenario { services: 2, subscriptions: 1 },
];

async fn run(arguments: Arguments) -> Result<bool, Box<dyn std::error::Error>> {
    let prices = match &arguments.prices {
        Some(path) => Prices::parse(&std::fs::read_to_string(path)?)?,
        None => Prices::parse(prices::FILE)?,
    };
    let prices = Arc::new(prices);
    let deployment = Deployment::read(Path::new(env!("CARGO_MANIFEST_DIR")))?;
    let mut recordings = Vec::new();
    for scenario in SCENARIOS {
        recordings.push(record::record(prices.clone(), deployment.memory_megabytes.clone(), scenario).await?);
    }
    let kept = recordings.last().map(|recording| recording.kept).unwrap_or_default();
    let month = month::month(&prices, &deployment, arguments.subscriptions, kept).await?;
    let report = Report {
        prices: &prices,
        recordings: &recordings,
        month: &month,
        subscriptions: arguments.subscriptions,
    };
    if arguments.json {
        println!("{:#}", report.json());
    } else {
        print!("{}", report.text());
    }
    Ok(report.holds())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}

//! A product service that takes part in every tenant's provisioning: `cargo run --example product_service -- --help`.
//!
//! All of it is in `src/demo_service.rs`, which `tenantry demo` runs as well; here it only gets a `main`.
//!
//! ```text
//! cargo run -- serve --allow-private-webhooks
//! cargo run --example product_service -- --token-file tenantry-data/admin.token
//! cargo run -- tenant create Acme --plan pro --admin-email root@acme.example --wait
//! curl http://127.0.0.1:8090/resources
//! ```

use clap::Parser as _;
use std::process::ExitCode;

/// A product service: it makes one workspace for each tenant.
#[derive(clap::Parser)]
struct Arguments {
    #[command(flatten)]
    options: tenantry::demo_service::Options,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    tenantry::logging::start(true);
    match tenantry::demo_service::run(arguments.options).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

//! `tenantry operation`.

use super::client::encode;
use super::output::{self, Format};
use super::{CliError, Client, Exit};
use clap::Subcommand;
use serde_json::json;

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Show an operation.
    Show {
        /// The operation's id.
        operation: String,
    },
    /// Try a failed and compensated operation again, from its first step.
    Retry {
        /// The operation's id.
        operation: String,
    },
}

pub(super) async fn run(verb: Verb, client: &Client, format: Format) -> Result<Exit, CliError> {
    let answer = match verb {
        Verb::Show { operation } => {
            client.get(&format!("/v1/operations/{}", encode(&operation)), &[]).await?
        }
        Verb::Retry { operation } => {
            client.post(&format!("/v1/operations/{}/retry", encode(&operation)), &json!({}), None).await?
        }
    };
    output::one(&answer, format);
    Ok(Exit::Success)
}

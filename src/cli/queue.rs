//! `tenantry queue`.

use super::client::encode;
use super::output::{self, Format};
use super::{CliError, Client, Exit};
use clap::Subcommand;
use serde_json::json;

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// List the queues with their depths.
    List,
    /// List a queue's dead letters; looking consumes nothing.
    DeadLetters {
        /// The queue's name.
        queue: String,
        /// At most so many.
        #[arg(long, default_value_t = 100)]
        limit: usize,
    },
    /// Put dead letters back into their queue.
    Redrive {
        /// The queue's name.
        queue: String,
        /// Only this message; all where it is left out.
        #[arg(long)]
        message: Option<String>,
    },
    /// Forget a dead letter.
    Purge {
        /// The queue's name.
        queue: String,
        /// The message's id.
        message: String,
    },
}

pub(super) async fn run(verb: Verb, client: &Client, format: Format) -> Result<Exit, CliError> {
    match verb {
        Verb::List => {
            let items = client.all("/v1/queues").await?;
            let columns = [
                ("queue", "/name"),
                ("visible", "/visible"),
                ("in flight", "/inFlight"),
                ("delayed", "/delayed"),
                ("dead letters", "/deadLetters"),
                ("oldest ms", "/oldestAgeMs"),
            ];
            output::list(&items, &columns, format);
        }
        Verb::DeadLetters { queue, limit } => {
            let path = format!("/v1/queues/{}/dead-letters", encode(&queue));
            let items = client.pages(&path, &[], limit).await?;
            let columns = [
                ("message", "/messageId"),
                ("died", "/diedAt"),
                ("received", "/receiveCount"),
                ("reason", "/reason/code"),
                ("what happened", "/reason/message"),
            ];
            output::list(&items, &columns, format);
        }
        Verb::Redrive { queue, message } => {
            let body = message.map_or_else(|| json!({}), |message| json!({ "messageId": message }));
            let path = format!("/v1/queues/{}/dead-letters/redrive", encode(&queue));
            output::one(&client.post(&path, &body, None).await?, format);
        }
        Verb::Purge { queue, message } => {
            client
                .delete(&format!("/v1/queues/{}/dead-letters/{}", encode(&queue), encode(&message)))
                .await?;
            eprintln!("{message} is forgotten");
        }
    }
    Ok(Exit::Success)
}

//! `tenantry subscription`.

use super::client::encode;
use super::output::{self, Format};
use super::{CliError, Client, Exit};
use clap::Subcommand;
use serde_json::{Value, json};

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Subscribe a webhook. Its signing secret is shown once.
    Add {
        /// For people.
        name: String,
        /// Where the events go.
        // Its own id: `url` is the control plane's address.
        #[arg(id = "webhook_url", value_name = "URL")]
        url: String,
        /// An EventBridge pattern; everything of ours where it is left out.
        #[arg(long, default_value = r#"{"source":["tenantry"]}"#)]
        pattern: String,
    },
    /// List subscriptions.
    List,
    /// Remove a subscription.
    Remove {
        /// The subscription's id.
        subscription: String,
    },
    /// Show the tries to deliver, newest first.
    Deliveries {
        /// The subscription's id.
        subscription: String,
        /// At most so many.
        #[arg(long, default_value_t = 100)]
        limit: usize,
    },
}

pub(super) async fn run(verb: Verb, client: &Client, format: Format) -> Result<Exit, CliError> {
    match verb {
        Verb::Add { name, url, pattern } => {
            let pattern: Value = serde_json::from_str(&pattern)
                .map_err(|error| CliError::usage(format!("--pattern is not JSON: {error}")))?;
            let body = json!({"name": name, "pattern": pattern, "target": {"type": "webhook", "url": url}});
            output::one(&client.post("/v1/subscriptions", &body, None).await?, format);
        }
        Verb::List => {
            let items = client.pages("/v1/subscriptions", &[], 1000).await?;
            let columns = [
                ("subscription", "/subscriptionId"),
                ("name", "/name"),
                ("url", "/target/url"),
                ("pattern", "/pattern"),
            ];
            output::list(&items, &columns, format);
        }
        Verb::Remove { subscription } => {
            client.delete(&format!("/v1/subscriptions/{}", encode(&subscription))).await?;
            eprintln!("{subscription} is removed");
        }
        Verb::Deliveries { subscription, limit } => {
            let path = format!("/v1/subscriptions/{}/deliveries", encode(&subscription));
            let items = client.pages(&path, &[], limit).await?;
            let columns = [
                ("at", "/at"),
                ("type", "/eventType"),
                ("tenant", "/tenantId"),
                ("sequence", "/sequence"),
                ("try", "/try"),
                ("outcome", "/outcome"),
                ("status", "/statusCode"),
                ("error", "/error"),
            ];
            output::list(&items, &columns, format);
        }
    }
    Ok(Exit::Success)
}

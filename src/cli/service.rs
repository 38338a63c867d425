//! `tenantry service`.

use super::client::encode;
use super::output::{self, Format};
use super::{CliError, Client, Exit};
use clap::Subcommand;
use serde_json::{Map, Value};

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Register a product service. Its secret and token are shown once.
    Add {
        /// The name; unique.
        name: String,
        /// Where its requests go.
        // Its own id: `url` is the control plane's address.
        #[arg(id = "service_url", value_name = "URL")]
        url: String,
        /// A tenant needs it to become active.
        #[arg(long)]
        required: bool,
        /// How long it may take to confirm.
        #[arg(long, default_value_t = 300)]
        timeout_seconds: u64,
        /// How often it must give a sign of life.
        #[arg(long)]
        heartbeat_seconds: Option<u64>,
    },
    /// List services.
    List,
    /// Remove a service: it is asked for no new tenant; what it made can still be undone.
    Remove {
        /// The service's id.
        service: String,
    },
}

pub(super) async fn run(verb: Verb, client: &Client, format: Format) -> Result<Exit, CliError> {
    match verb {
        Verb::Add { name, url, required, timeout_seconds, heartbeat_seconds } => {
            let mut body = Map::new();
            body.insert("name".into(), name.into());
            body.insert("url".into(), url.into());
            body.insert("required".into(), required.into());
            body.insert("timeoutSeconds".into(), timeout_seconds.into());
            if let Some(seconds) = heartbeat_seconds {
                body.insert("heartbeatSeconds".into(), seconds.into());
            }
            output::one(&client.post("/v1/services", &Value::Object(body), None).await?, format);
        }
        Verb::List => {
            let items = client.pages("/v1/services", &[], 500).await?;
            let columns = [
                ("service", "/serviceId"),
                ("name", "/name"),
                ("url", "/url"),
                ("required", "/required"),
                ("timeout", "/timeoutSeconds"),
                ("heartbeat", "/heartbeatSeconds"),
            ];
            output::list(&items, &columns, format);
        }
        Verb::Remove { service } => {
            client.delete(&format!("/v1/services/{}", encode(&service))).await?;
            eprintln!("{service} is removed");
        }
    }
    Ok(Exit::Success)
}

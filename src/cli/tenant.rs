//! `tenantry tenant`.

use super::client::encode;
use super::output::{self, Format};
use super::{CliError, Client, Exit, execution};
use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};
use std::time::Duration;

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Sign a tenant up.
    Create(Create),
    /// List tenants.
    List(List),
    /// Show a tenant, with its status explained.
    Show {
        /// The tenant's id.
        tenant: String,
    },
    /// Show everything that happened to a tenant, oldest first.
    Timeline {
        /// The tenant's id.
        tenant: String,
        /// At most so many entries.
        #[arg(long, default_value_t = 200)]
        limit: usize,
    },
    /// Show what was made for a tenant.
    Resources {
        /// The tenant's id.
        tenant: String,
    },
    /// Mint the first administrator's activation token; the one before is void.
    Activation {
        /// The tenant's id.
        tenant: String,
    },
}

#[derive(Debug, Args)]
pub(super) struct Create {
    /// The display name.
    name: String,
    /// The plan.
    #[arg(long, default_value = "free")]
    plan: String,
    /// The first administrator's e-mail address.
    #[arg(long)]
    admin_email: String,
    /// The name in addresses; made from the display name where it is left out.
    #[arg(long)]
    slug: Option<String>,
    /// Where its data is to live.
    #[arg(long)]
    region: Option<String>,
    /// pool, bridge or silo.
    #[arg(long)]
    isolation: Option<String>,
    /// Your own id for the tenant.
    #[arg(long)]
    external_id: Option<String>,
    /// A note, as key=value; may be repeated.
    #[arg(long, value_name = "KEY=VALUE")]
    metadata: Vec<String>,
    /// Makes repeating the command safe: the same key makes one tenant.
    #[arg(long)]
    idempotency_key: Option<String>,
    /// Follow the provisioning to its end; exits with 1 where it fails.
    #[arg(long)]
    wait: bool,
    /// With --wait: give up after so many seconds, with exit code 124.
    #[arg(long, default_value_t = 600)]
    timeout_seconds: u64,
}

#[derive(Debug, Args)]
pub(super) struct List {
    /// Only this status.
    #[arg(long)]
    status: Option<String>,
    /// Only this plan.
    #[arg(long)]
    plan: Option<String>,
    /// Only this region.
    #[arg(long)]
    region: Option<String>,
    /// Only this cell.
    #[arg(long)]
    cell: Option<String>,
    /// At most so many.
    #[arg(long, default_value_t = 100)]
    limit: usize,
}

pub(super) async fn run(verb: Verb, client: &Client, format: Format) -> Result<Exit, CliError> {
    match verb {
        Verb::Create(create) => self::create(create, client, format).await,
        Verb::List(list) => {
            let filters =
                [("status", list.status), ("plan", list.plan), ("region", list.region), ("cell", list.cell)];
            let query: Vec<(&str, String)> =
                filters.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
            let items = client.pages("/v1/tenants", &query, list.limit).await?;
            let columns = [
                ("tenant", "/tenantId"),
                ("name", "/name"),
                ("slug", "/slug"),
                ("plan", "/plan"),
                ("cell", "/cell"),
                ("status", "/status"),
                ("step", "/statusDetail/step"),
                ("since", "/statusDetail/since"),
            ];
            output::list(&items, &columns, format);
            Ok(Exit::Success)
        }
        Verb::Show { tenant } => {
            output::one(&client.get(&format!("/v1/tenants/{}", encode(&tenant)), &[]).await?, format);
            Ok(Exit::Success)
        }
        Verb::Timeline { tenant, limit } => {
            let path = format!("/v1/tenants/{}/timeline", encode(&tenant));
            let items = client.pages(&path, &[], limit).await?;
            let columns = [
                ("at", "/at"),
                ("kind", "/kind"),
                ("what", "/summary"),
                ("who", "/actor"),
                ("error", "/error/message"),
            ];
            output::list(&items, &columns, format);
            Ok(Exit::Success)
        }
        Verb::Resources { tenant } => {
            let path = format!("/v1/tenants/{}/resources", encode(&tenant));
            let items = client.pages(&path, &[], 500).await?;
            let columns = [
                ("kind", "/kind"),
                ("name", "/name"),
                ("desired", "/desired"),
                ("observed", "/observed"),
                ("created", "/createdAt"),
            ];
            output::list(&items, &columns, format);
            Ok(Exit::Success)
        }
        Verb::Activation { tenant } => {
            let path = format!("/v1/tenants/{}/activation", encode(&tenant));
            output::one(&client.post(&path, &json!({}), None).await?, format);
            Ok(Exit::Success)
        }
    }
}

async fn create(create: Create, client: &Client, format: Format) -> Result<Exit, CliError> {
    let mut body = Map::new();
    body.insert("name".into(), create.name.into());
    body.insert("plan".into(), create.plan.into());
    body.insert("adminEmail".into(), create.admin_email.into());
    for (field, value) in [
        ("slug", create.slug),
        ("region", create.region),
        ("isolation", create.isolation),
        ("externalId", create.external_id),
    ] {
        if let Some(value) = value {
            body.insert(field.into(), value.into());
        }
    }
    let mut metadata = Map::new();
    for entry in create.metadata {
        let (key, value) = entry
            .split_once('=')
            .ok_or_else(|| CliError::usage(format!("--metadata takes KEY=VALUE, not {entry:?}.")))?;
        metadata.insert(key.to_owned(), value.into());
    }
    if !metadata.is_empty() {
        body.insert("metadata".into(), metadata.into());
    }
    let answer = client.post("/v1/tenants", &Value::Object(body), create.idempotency_key.as_deref()).await?;
    if !create.wait {
        output::one(&answer, format);
        return Ok(Exit::Success);
    }
    let text = |pointer: &str| answer.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    let (tenant, execution) = (text("/tenant/tenantId"), text("/operation/executionId"));
    eprintln!("{tenant} is being provisioned by {execution}");
    let timeout = Some(Duration::from_secs(create.timeout_seconds));
    let exit = execution::follow(client, &execution, timeout, execution::To::Stderr, format).await?;
    output::one(&client.get(&format!("/v1/tenants/{tenant}"), &[]).await?, format);
    Ok(exit)
}

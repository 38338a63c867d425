//! `tenantry doctor`: what is wrong, and what to do.

use super::output::{self, Format};
use super::{CliError, Client, Connection, Exit};
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

struct Findings(Vec<Value>);

impl Findings {
    fn add(&mut self, check: &str, status: &str, detail: impl Into<String>) {
        self.0.push(json!({"check": check, "status": status, "detail": detail.into()}));
    }
}

/// Ends with 1 where anything failed.
pub(super) async fn run(connection: &Connection, format: Format) -> Result<Exit, CliError> {
    let mut findings = Findings(Vec::new());
    match tenantry_definitions::workflows::load_all() {
        Ok(workflows) => findings.add("workflows", "ok", format!("{} can run", workflows.len())),
        Err(faults) => faults.iter().for_each(|fault| findings.add("workflows", "fail", fault.to_string())),
    }
    if connection.url.is_none() {
        data_folder(&connection.data_dir, &mut findings);
    }
    match Client::connect(connection) {
        Ok(client) => server(&client, &mut findings).await,
        Err(error) => findings.add("server", "fail", error.message),
    }
    let failed = findings.0.iter().any(|finding| finding["status"] == "fail");
    output::list(&findings.0, &[("check", "/check"), ("status", "/status"), ("detail", "/detail")], format);
    Ok(if failed { Exit::Failure } else { Exit::Success })
}

fn data_folder(dir: &Path, findings: &mut Findings) {
    if !dir.is_dir() {
        let detail = format!("{} is not there; `tenantry serve` makes it at its first start", dir.display());
        return findings.add("data folder", "fail", detail);
    }
    findings.add("data folder", "ok", dir.display().to_string());
    for file in ["master.key", "admin.token", "tenantry.db"] {
        let path = dir.join(file);
        match std::fs::metadata(&path) {
            Ok(metadata) => match metadata.permissions().mode() & 0o777 {
                0o600 => findings.add(file, "ok", "readable by its owner alone"),
                mode => {
                    let detail = format!("others may read it (mode {mode:o}): chmod 600 {}", path.display());
                    findings.add(file, "fail", detail);
                }
            },
            Err(error) => findings.add(file, "fail", format!("{}: {error}", path.display())),
        }
    }
}

async fn server(client: &Client, findings: &mut Findings) {
    if let Err(error) = client.get("/readyz", &[]).await {
        return findings.add("server", "fail", error.message);
    }
    findings.add("server", "ok", format!("{} answers", client.base()));
    match client.all("/v1/queues").await {
        Err(error) => findings.add("token", "fail", error.message),
        Ok(queues) => {
            findings.add("token", "ok", "is accepted");
            for queue in &queues {
                let name = output::cell(queue.get("name"));
                let dead = queue.get("deadLetters").and_then(Value::as_u64).unwrap_or(0);
                if dead > 0 {
                    let detail =
                        format!("{dead} dead letter(s): `tenantry queue dead-letters {name}` says why");
                    findings.add(&format!("queue {name}"), "warn", detail);
                }
            }
        }
    }
    match client.pages("/v1/tenants", &[("status", "provisioning".to_owned())], 500).await {
        Err(error) => findings.add("stuck tenants", "fail", error.message),
        Ok(tenants) => {
            let stuck: Vec<&Value> = tenants
                .iter()
                .filter(|tenant| tenant.pointer("/statusDetail/stuck").is_some_and(|stuck| !stuck.is_null()))
                .collect();
            for tenant in &stuck {
                let reason = output::cell(tenant.pointer("/statusDetail/stuck/reason"));
                let detail = format!("{} is stuck: {reason}", output::cell(tenant.get("tenantId")));
                findings.add("stuck tenants", "warn", detail);
            }
            if stuck.is_empty() {
                findings.add("stuck tenants", "ok", "none");
            }
        }
    }
}

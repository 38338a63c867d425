//! A failing integration: everything that was made is undone, and the table shows it.

use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use tenantry_deploy::report::Stage;
use tenantry_deploy::stack::{Row, Stack, plain};
use tenantry_scenarios::{Scenario, run};

/// What a compensated provisioning leaves behind: the record and its ledger, never a resource.
const LEFT: &[&str] = &[
    "TENANT# METADATA",
    "TENANT# OPERATION#",
    "TENANT# PROGRESS#",
    "TENANT# AUDIT#",
    "TENANT# EVENT#",
    "TENANT# RELAY",
    "TENANT# DATAKEY#records",
    "OPERATION# POINTER",
    "SLUG# POINTER",
    "ARCHIVE# EVENT#",
    "ARCHIVE# HEAD",
    "ARCHIVED# EVENT#",
    "IDEMPOTENCY# ANSWER",
    // The services' own.
    "SERVICES SERVICE#",
    "SERVICENAME# POINTER",
    "BEARER# POINTER",
    "TASKTOKEN# POINTER",
    "SECRET# SECRET",
    "SYSTEMKEY# DATAKEY",
    // How much of a cell is taken: compared apart.
    "CELL# USAGE",
    "LEASE# LEASE",
    "WORKER# STATE",
];

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_integration_is_compensated_and_leaves_no_resource() {
    let Some(stack) = Stack::start("the compensation of a failed integration", false) else { return };
    let control_plane = stack.control_plane().await;
    let stage = Stage::begin("a failing integration, compensated");
    let scenario: Scenario = serde_json::from_value(json!({
        "comment": "One service makes its part, the other refuses.",
        "acts": [
            {"act": "add_service", "name": "willing"},
            {"act": "sign_up", "tenant": "active", "name": "Came First", "plan": "pro"},
            {"act": "await_status", "tenant": "active", "status": "active"},
            {"act": "add_service", "name": "unwilling", "answers": ["refuse"]},
            {"act": "sign_up", "tenant": "refused", "name": "Came Second", "plan": "pro"},
            {"act": "await_status", "tenant": "refused", "status": "provisioning_failed", "error": "Scenario.Refused"},
            {"act": "await_operation", "tenant": "refused", "status": "failed", "attempt": 1},
            {"act": "service_holds", "name": "willing", "tenants": ["active"]},
            {"act": "service_holds", "name": "unwilling", "tenants": []}
        ],
        "events": {
            "active": ["TenantRegistered", "TenantProvisioningStarted", "TenantProvisioned"],
            "refused": ["TenantRegistered", "TenantProvisioningStarted", "TenantProvisioningFailed"]
        }
    }))
    .expect("a scenario");
    run(&scenario, &control_plane).await;

    let rows = stack.rows().await;
    let tenant = |name: &str| {
        let record = rows.iter().find(|row| plain(row, "sk") == "METADATA" && plain(row, "name") == name);
        plain(record.unwrap_or_else(|| panic!("no record of {name}")), "pk")
    };
    let (active, refused) = (tenant("Came First"), tenant("Came Second"));
    let id = active.trim_start_matches("TENANT#");
    // All that stands in no other tenant's partition and names no other tenant may be the refused one's.
    let others = rows.iter().filter(|row| !json!(row).to_string().contains(id));
    let kinds: BTreeSet<String> = others.map(kind).filter(|kind| !is_left(kind)).collect();
    assert!(kinds.is_empty(), "of {refused} there still is: {kinds:#?}");
    // The same look finds what an active tenant has: it could not be blind.
    let active_kinds: BTreeSet<String> = rows
        .iter()
        .filter(|row| plain(row, "pk") == active)
        .map(kind)
        .filter(|kind| !is_left(kind))
        .collect();
    assert!(active_kinds.contains("TENANT# RESOURCE#"), "{active_kinds:#?}");

    let used: BTreeMap<String, String> = rows
        .iter()
        .filter(|row| plain(row, "sk") == "USAGE")
        .map(|row| (plain(row, "pk"), plain(row, "usedUnits")))
        .collect();
    // A pro tenant in a pool takes four units; the refused one's were given back.
    assert_eq!(used, BTreeMap::from([("CELL#cell-1".to_owned(), "4".to_owned())]));
    stage.end_with(format_args!("{} rows looked at", rows.len()));
}

/// Where a row lies, without the values in its key.
fn kind(row: &Row) -> String {
    let head = |text: String| match text.split_once('#') {
        Some((head, _)) if text.starts_with("DATAKEY#") => format!("{head}#{}", &text["DATAKEY#".len()..]),
        Some((head, _)) => format!("{head}#"),
        None => text,
    };
    format!("{} {}", head(plain(row, "pk")), head(plain(row, "sk")))
}

fn is_left(kind: &str) -> bool {
    LEFT.contains(&kind)
}

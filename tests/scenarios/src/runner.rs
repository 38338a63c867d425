//! Runs a scenario.

use crate::control_plane::ControlPlane;
use crate::receiver::Receiver;
use crate::scenario::Scenario;
use crate::service::Service;
use crate::{rows, until};
use serde_json::Value;
use std::collections::{BTreeMap, HashSet};

/// What a scenario has made so far, by the names that it gives.
pub(crate) struct World<'a> {
    pub(crate) on: &'a ControlPlane,
    pub(crate) services: BTreeMap<String, Service>,
    pub(crate) receivers: BTreeMap<String, Receiver>,
    /// Ids in the order of sign-up.
    pub(crate) tenants: Vec<Signed>,
}

/// A tenant that signed up.
pub(crate) struct Signed {
    pub(crate) label: String,
    pub(crate) tenant_id: String,
    pub(crate) operation_id: String,
}

impl World<'_> {
    pub(crate) fn tenant(&self, label: &str) -> &Signed {
        let found = self.tenants.iter().find(|tenant| tenant.label == label);
        found.unwrap_or_else(|| panic!("no tenant {label:?} has signed up yet"))
    }

    pub(crate) fn service(&self, name: &str) -> &Service {
        self.services.get(name).unwrap_or_else(|| panic!("no service {name:?} is there yet"))
    }

    /// The scenario's events, once each tenant has as many as it should.
    async fn events(&self, expected: &BTreeMap<String, Vec<String>>) -> Vec<Value> {
        let ids: Vec<String> = self.tenants.iter().map(|tenant| tenant.tenant_id.clone()).collect();
        let count: usize = expected.values().map(Vec::len).sum();
        until(&format!("{count} events in the archive"), || async {
            let rows = rows::of_tenants(rows::archive(self.on).await, &ids);
            (rows.len() >= count).then_some(rows)
        })
        .await
    }
}

/// Runs the scenario on a control plane, and answers the event rows of its tenants, ordered by tenant and sequence,
/// masked (see [`crate::masked`]). Its services are gone from the control plane afterwards; its tenants stay.
///
/// # Panics
/// Where anything is not as the scenario says.
pub async fn run(scenario: &Scenario, on: &ControlPlane) -> Vec<Value> {
    let mut world = World { on, services: BTreeMap::new(), receivers: BTreeMap::new(), tenants: Vec::new() };
    for (number, act) in scenario.acts.iter().enumerate() {
        eprintln!("{}: act {} of {}", scenario.name, number + 1, scenario.acts.len());
        world.carry_out(act).await;
    }
    let events = world.events(&scenario.events).await;
    check(scenario, &world, &events);
    for service in world.services.values() {
        on.tenantry(&["service", "remove", &service.id()]).await;
    }
    rows::masked(&events)
}

/// Each event once, without holes, and of the expected types.
fn check(scenario: &Scenario, world: &World<'_>, events: &[Value]) {
    let mut seen = HashSet::new();
    let repeated = events.iter().find(|event| !seen.insert(event["eventId"].as_str().unwrap_or_default()));
    assert!(repeated.is_none(), "{}: an event is in the archive twice: {repeated:#?}", scenario.name);
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for tenant in &world.tenants {
        let own: Vec<&Value> = events.iter().filter(|event| event["tenantId"] == *tenant.tenant_id).collect();
        for (place, event) in own.iter().enumerate() {
            assert_eq!(event["sequence"], place + 1, "{}: a hole in {own:#?}", scenario.name);
        }
        let types = own.iter().map(|event| event["type"].as_str().unwrap_or_default().to_owned());
        found.insert(tenant.label.clone(), types.collect());
    }
    assert_eq!(found, scenario.events, "{}: events by tenant", scenario.name);
}

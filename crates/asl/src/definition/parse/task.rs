//! The Task state.

use super::fields::{Fields, Only, Table};
use super::values::Range;
use super::{Parser, Surroundings};
use crate::definition::QueryLanguage;
use crate::definition::model::{Amount, Computed, ResourceKind, Task};
use crate::limits::SECONDS_MAX;

pub(super) const TASK: Table = &[
    ("Resource", Only::Both),
    ("Credentials", Only::Both),
    ("TimeoutSeconds", Only::Both),
    ("TimeoutSecondsPath", Only::JsonPath),
    ("HeartbeatSeconds", Only::Both),
    ("HeartbeatSecondsPath", Only::JsonPath),
];

impl Parser<'_> {
    pub(super) fn task(
        &mut self,
        fields: &Fields<'_>,
        inside: &Surroundings,
        language: QueryLanguage,
    ) -> Option<Task> {
        fields.require(self, &["Resource"]);
        let resource = fields.get("Resource").and_then(|at| self.resource(&at, inside.machine_type));
        let kind = resource.as_ref().map(|resource| resource.kind);
        let credentials = self.credentials(fields, kind, language);
        let timeout = self.amount(fields, "TimeoutSeconds", Range::new(1, SECONDS_MAX), language);
        let heartbeat = self.amount(fields, "HeartbeatSeconds", Range::new(1, SECONDS_MAX), language);
        if let (Some(Amount::Fixed(timeout)), Some(Amount::Fixed(heartbeat)), Some(at)) =
            (&timeout, &heartbeat, fields.get("HeartbeatSeconds"))
            && heartbeat >= timeout
        {
            let message =
                format!("HeartbeatSeconds ({heartbeat}) must be smaller than TimeoutSeconds ({timeout})");
            self.schema(&at, message);
        }
        let resource = resource?;
        if timeout.is_none() && (resource.waits_for_token || kind == Some(ResourceKind::Activity)) {
            let message = "This Task waits for an answer from outside without TimeoutSeconds: lost, it waits for a year";
            self.warn(&fields.at, "MISSING_TIMEOUT", message);
        }
        Some(Task { resource, timeout, heartbeat, credentials })
    }

    fn credentials(
        &mut self,
        fields: &Fields<'_>,
        kind: Option<ResourceKind>,
        language: QueryLanguage,
    ) -> Option<Computed> {
        let at = fields.get("Credentials")?;
        if kind == Some(ResourceKind::Activity) {
            self.schema(&at, "The field 'Credentials' is not supported for activities");
            return None;
        }
        // In JSONata all of it may be one expression.
        if at.as_str().is_none() || language == QueryLanguage::JsonPath {
            let members = Fields::open(self, at.clone())?;
            let by_path = language == QueryLanguage::JsonPath && members.has("RoleArn.$");
            if !(members.has("RoleArn") || by_path) {
                self.schema(&at, "The field 'RoleArn' is required but was missing");
                return None;
            }
        }
        self.computed(&at, language)
    }
}

//! A machine: the whole definition, a branch, a processor; and a state without a machine.

use super::fields::{At, Fields, Only, StateAt, Table, states_of};
use super::graph::Graph;
use super::values::Range;
use super::{LONE_STATE_NAME, Parser, Root, Surroundings};
use crate::definition::source::NodeKind;
use crate::definition::{MachineType, QueryLanguage};
use crate::limits::SECONDS_MAX;
use std::sync::Arc;

const DOCUMENT: Table = &[
    ("Comment", Only::Both),
    ("QueryLanguage", Only::Both),
    ("StartAt", Only::Both),
    ("States", Only::Both),
    ("TimeoutSeconds", Only::Both),
    ("Version", Only::Both),
];

const INNER: Table = &[("Comment", Only::Both), ("StartAt", Only::Both), ("States", Only::Both)];

impl Surroundings {
    fn of(machine_type: MachineType) -> Self {
        Surroundings { machine_type, path: Vec::new(), compensating: false }
    }
}

impl Parser<'_> {
    /// The whole definition; gives the first state's name.
    pub(super) fn document(&mut self, root: Root<'_>) -> Option<Arc<str>> {
        let fields = Fields::open(self, At::root(root.node))?;
        fields.check(self, None, &[DOCUMENT]);
        if let Some(at) = fields.get("QueryLanguage") {
            self.machine_language = self.query_language(&at);
        }
        if let Some(at) = fields.get("Version") {
            self.one_of(&at, &["1.0"]);
        }
        if let Some(at) = fields.get("TimeoutSeconds") {
            // AWS takes 0 and says nothing of its meaning; none is what is left.
            self.timeout_seconds =
                self.integer(&at, Range::new(0, SECONDS_MAX)).filter(|seconds| *seconds > 0);
        }
        if let Some(at) = fields.get("Comment") {
            self.comment = self.string(&at).map(str::to_owned);
        }
        self.machine(&fields, &Surroundings::of(root.machine_type))
    }

    /// A state that stands for itself.
    pub(super) fn lone_state(&mut self, root: Root<'_>) -> Option<Arc<str>> {
        let at = At::lone_state(LONE_STATE_NAME, root.node);
        self.state(StateAt { name: LONE_STATE_NAME, at }, &Surroundings::of(root.machine_type));
        Some(Arc::from(LONE_STATE_NAME))
    }

    /// A machine within a state. `own` are the fields that it has besides those of every machine.
    pub(super) fn inner_machine(
        &mut self,
        fields: &Fields<'_>,
        own: Table,
        inside: &Surroundings,
    ) -> Option<Arc<str>> {
        fields.check(self, None, &[INNER, own]);
        self.machine(fields, inside)
    }

    /// StartAt and States; gives the first state's name.
    fn machine(&mut self, fields: &Fields<'_>, around: &Surroundings) -> Option<Arc<str>> {
        fields.require(self, &["States", "StartAt"]);
        let start = fields.get("StartAt");
        let start_name = start.as_ref().and_then(|start| self.string(start));
        let states = fields.get("States")?;
        let NodeKind::Object(members) = &states.node.kind else {
            self.expected(&states, "[OBJECT]");
            return None;
        };
        if members.is_empty() {
            self.schema(&states, "Value cannot be empty");
            return None;
        }
        // The graph first: what is reachable only through a Catch is asked of each Task.
        let graph = Graph::of(&states, start_name);
        graph.check(self, start.as_ref(), around.path.is_empty() && self.processors_around == 0);
        for state in states_of(&states) {
            let compensating = around.compensating || graph.compensating(state.name);
            let around = Surroundings { compensating, ..around.clone() };
            self.state(state, &around);
        }
        start_name.map(Arc::from)
    }

    /// What the field QueryLanguage says. AWS takes everything but `JSONPath` for JSONata, and finds fault with it.
    pub(super) fn query_language(&mut self, at: &At<'_>) -> QueryLanguage {
        self.one_of(at, &["JSONPath", "JSONata"]);
        match at.as_str() {
            Some("JSONPath") => QueryLanguage::JsonPath,
            _ => QueryLanguage::Jsonata,
        }
    }
}

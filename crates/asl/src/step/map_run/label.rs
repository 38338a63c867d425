//! Labels of distributed Maps.

use crate::Definition;
use crate::definition::model::Kind;
use crate::state::uuid_of;

impl Definition {
    /// The label of a distributed Map's runs: its `Label` or, where it has none, one that follows from the definition, as
    /// AWS makes one. `None` where that state is no distributed Map.
    pub fn map_label(&self, state: &str) -> Option<String> {
        let Kind::Map(map) = &self.state(state)?.kind else { return None };
        let distributed = map.distributed.as_deref()?;
        Some(match &distributed.label {
            Some(label) => label.clone(),
            None => uuid_of(&["map label", self.hash(), state]),
        })
    }
}

//! Names that stand twice in one object: the last one counts, as with AWS's reader of JSON, and hardly anybody means it.

use super::Parser;
use super::fields::At;
use crate::Severity;
use crate::definition::source::NodeKind;
use std::collections::BTreeSet;

impl Parser<'_> {
    /// A warning for each name that stands again, at any depth. Names of states are looked at elsewhere: there it is an
    /// error.
    pub(super) fn duplicates(&mut self, at: &At<'_>) {
        match &at.node.kind {
            NodeKind::Array(_) => at.items().iter().flatten().for_each(|item| self.duplicates(item)),
            NodeKind::Object(members) => {
                let mut seen = BTreeSet::new();
                for member in members {
                    let value = at.child(&member.name, &member.value);
                    if !seen.insert(member.name.as_str()) && !at.location.ends_with("/States") {
                        let message = format!(
                            "The field '{}' stands here twice: only the last one counts",
                            member.name
                        );
                        let shown_at = member.name_offset;
                        self.find(&value, shown_at, Severity::Warning, "DUPLICATE_FIELD", message);
                    }
                    self.duplicates(&value);
                }
            }
            _ => {}
        }
    }
}

//! The Wait state.

use super::Parser;
use super::fields::{Fields, Only, Table};
use super::template::Reads;
use super::values::Range;
use crate::definition::QueryLanguage;
use crate::definition::model::Wait;
use crate::limits::SECONDS_MAX;

pub(super) const WAIT: Table = &[
    ("SecondsPath", Only::JsonPath),
    ("Seconds", Only::Both),
    ("TimestampPath", Only::JsonPath),
    ("Timestamp", Only::Both),
];

impl Parser<'_> {
    pub(super) fn wait(&mut self, fields: &Fields<'_>, language: QueryLanguage) -> Option<Wait> {
        if !fields.exactly_one(self, &["SecondsPath", "Seconds", "TimestampPath", "Timestamp"]) {
            return None;
        }
        if fields.has("Seconds") || fields.has("SecondsPath") {
            return self.amount(fields, "Seconds", Range::new(0, SECONDS_MAX), language).map(Wait::Seconds);
        }
        if let Some(at) = fields.get("TimestampPath") {
            return self.reference_to_read(&at).map(Wait::TimestampPath);
        }
        let at = fields.get("Timestamp")?;
        let text = self.string(&at)?;
        let computed = language == QueryLanguage::Jsonata && text.starts_with("{%");
        if !computed && crate::time::parse(text).is_none() {
            self.schema(&at, "String does not match RFC3339 timestamp")
                .hint("write a date and time with its offset, such as 2026-01-31T12:00:00Z");
            return None;
        }
        self.text_template(&at, language, Reads::INPUT).map(Wait::Timestamp)
    }
}

//! Numbers as patterns compare them.

use serde_json::Number;
use std::cmp::Ordering;

/// A JSON number. Whole numbers compare exactly; with a fraction or an exponent, as 64-bit floating point.
#[derive(Debug, Clone, Copy)]
pub(super) enum Num {
    Whole(i128),
    Real(f64),
}

impl Num {
    pub(super) fn of(number: &Number) -> Self {
        let whole = number.as_i64().map(i128::from).or_else(|| number.as_u64().map(i128::from));
        whole.map_or_else(|| Num::Real(number.as_f64().unwrap_or(f64::NAN)), Num::Whole)
    }

    pub(super) fn compare(self, other: Num) -> Option<Ordering> {
        match (self, other) {
            (Num::Whole(a), Num::Whole(b)) => Some(a.cmp(&b)),
            (a, b) => a.real().partial_cmp(&b.real()),
        }
    }

    pub(super) fn equals(self, other: Num) -> bool {
        self.compare(other) == Some(Ordering::Equal)
    }

    /// The nearest double.
    pub(super) fn real(self) -> f64 {
        match self {
            // An event's whole numbers fit in 64 bits; the nearest double is what AWS compares.
            Num::Whole(whole) => whole as f64,
            Num::Real(real) => real,
        }
    }
}

/// From a bound to a bound; a bound that is `open` is itself outside.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Range {
    pub(super) bottom: Option<Bound>,
    pub(super) top: Option<Bound>,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Bound {
    pub(super) value: Num,
    pub(super) open: bool,
}

impl Range {
    pub(super) fn contains(&self, value: Num) -> bool {
        let above = |bound: Bound| match value.compare(bound.value) {
            Some(Ordering::Greater) => true,
            Some(Ordering::Equal) => !bound.open,
            _ => false,
        };
        let below = |bound: Bound| match value.compare(bound.value) {
            Some(Ordering::Less) => true,
            Some(Ordering::Equal) => !bound.open,
            _ => false,
        };
        self.bottom.is_none_or(above) && self.top.is_none_or(below)
    }
}

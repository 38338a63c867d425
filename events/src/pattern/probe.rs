//! What an event's leaf must be so that a matcher has a chance: the index's keys.

use super::matcher::{Matcher, folded, folded_back};
use super::number::{Num, Range};
use super::wildcard::Fixed;
use std::net::IpAddr;

/// A way to read a text, so that every operator on texts becomes "equal to" or "begins with".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum View {
    Plain,
    Reversed,
    Folded,
    FoldedReversed,
}

impl View {
    pub(super) const ALL: [View; 4] = [View::Plain, View::Reversed, View::Folded, View::FoldedReversed];

    pub(super) fn of(self, text: &str) -> String {
        match self {
            View::Plain => text.to_owned(),
            View::Reversed => text.chars().rev().collect(),
            View::Folded => folded(text).collect(),
            View::FoldedReversed => folded_back(text).collect(),
        }
    }
}

/// A condition on a leaf that is easy to look up. It may let through what the matcher does not accept, never the other
/// way round.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Probe {
    /// The text, so read, is this.
    Is(View, String),
    /// The text, so read, begins with this.
    Begins(View, String),
    /// The number lies between these (see [`place`]).
    Number(u128, u128),
    /// The text writes an address between these.
    V4(u128, u128),
    /// As `V4`.
    V6(u128, u128),
    Null,
    Bool(bool),
    /// There is a leaf.
    There,
}

impl Probe {
    /// The probe for a matcher; `None` where a missing leaf is enough.
    pub(super) fn of(matcher: &Matcher) -> Option<Self> {
        let begins = |view: View, text: &str| match text {
            "" => Probe::There,
            text => Probe::Begins(view, view.of(text)),
        };
        Some(match matcher {
            Matcher::Absent => return None,
            Matcher::Present | Matcher::AnythingBut(_) => Probe::There,
            Matcher::Null => Probe::Null,
            Matcher::Bool(wanted) => Probe::Bool(*wanted),
            Matcher::Number(number) => Probe::Number(place(*number), place(*number)),
            Matcher::Range(range) => numbers(range),
            Matcher::Text(text) => Probe::Is(View::Plain, text.clone()),
            Matcher::IgnoreCase(text) => Probe::Is(View::Folded, View::Folded.of(text)),
            Matcher::Address(_, address) => addresses(*address, *address),
            Matcher::Cidr(cidr) => addresses(cidr.first, cidr.last),
            Matcher::Prefix(text) => begins(View::Plain, text),
            Matcher::PrefixIgnoreCase(text) => begins(View::Folded, text),
            Matcher::Suffix(text) => begins(View::Reversed, text),
            Matcher::SuffixIgnoreCase(text) => begins(View::FoldedReversed, text),
            Matcher::Wildcard(wildcard) => match wildcard.fixed() {
                Fixed::Whole(text) => Probe::Is(View::Plain, text.to_owned()),
                Fixed::Ends { first: "", last } => begins(View::Reversed, last),
                Fixed::Ends { first, .. } => begins(View::Plain, first),
            },
        })
    }

    /// How much it leaves to be tried; less is better.
    pub(super) fn width(&self) -> u8 {
        match self {
            Probe::Is(..) => 0,
            Probe::Number(first, last) | Probe::V4(first, last) | Probe::V6(first, last) if first == last => {
                0
            }
            Probe::Begins(..) => 1,
            Probe::Number(..) | Probe::V4(..) | Probe::V6(..) => 2,
            Probe::Null | Probe::Bool(_) => 3,
            Probe::There => 4,
        }
    }
}

/// A number's place in the order of all doubles. Numbers that a pattern takes for equal have one place.
pub(super) fn place(number: Num) -> u128 {
    // Adding zero makes the negative zero positive.
    let bits = (number.real() + 0.0).to_bits();
    let sign = 1u64 << 63;
    u128::from(if bits & sign == 0 { bits | sign } else { !bits })
}

fn numbers(range: &Range) -> Probe {
    let bottom = range.bottom.map_or(0, |bound| place(bound.value));
    let top = range.top.map_or(u128::from(u64::MAX), |bound| place(bound.value));
    Probe::Number(bottom, top)
}

fn addresses(first: IpAddr, last: IpAddr) -> Probe {
    match (first, last) {
        (IpAddr::V4(first), IpAddr::V4(last)) => Probe::V4(first.to_bits().into(), last.to_bits().into()),
        (IpAddr::V6(first), IpAddr::V6(last)) => Probe::V6(first.to_bits(), last.to_bits()),
        // Both ends of a network are of one kind.
        _ => Probe::There,
    }
}

//! What may stand at a leaf.

use super::address::{self, Cidr};
use super::number::{Num, Range};
use super::wildcard::Wildcard;
use serde_json::Value;
use std::net::IpAddr;

/// One alternative for a leaf.
#[derive(Debug, Clone)]
pub(super) enum Matcher {
    /// `{"exists": true}`: any leaf.
    Present,
    /// `{"exists": false}`: no leaf; never accepts one.
    Absent,
    Null,
    Bool(bool),
    Number(Num),
    Text(String),
    /// A text that writes an IP address: any way to write the same one.
    Address(String, IpAddr),
    Cidr(Cidr),
    Prefix(String),
    PrefixIgnoreCase(String),
    Suffix(String),
    SuffixIgnoreCase(String),
    IgnoreCase(String),
    Wildcard(Wildcard),
    Range(Range),
    /// A leaf that none of these accepts. A missing leaf is not one.
    AnythingBut(Vec<Matcher>),
}

impl Matcher {
    /// A text to be equal to.
    pub(super) fn text(text: &str) -> Self {
        match address::parse(text) {
            Some(address) => Matcher::Address(text.to_owned(), address),
            None => Matcher::Text(text.to_owned()),
        }
    }

    pub(super) fn accepts(&self, leaf: &Value) -> bool {
        match (self, leaf) {
            (Matcher::Present, _) | (Matcher::Null, Value::Null) => true,
            (Matcher::AnythingBut(others), _) => !others.iter().any(|other| other.accepts(leaf)),
            (Matcher::Bool(wanted), Value::Bool(is)) => wanted == is,
            (Matcher::Number(wanted), Value::Number(is)) => wanted.equals(Num::of(is)),
            (Matcher::Range(range), Value::Number(is)) => range.contains(Num::of(is)),
            (_, Value::String(text)) => self.accepts_text(text),
            _ => false,
        }
    }

    fn accepts_text(&self, text: &str) -> bool {
        match self {
            Matcher::Text(wanted) => wanted == text,
            Matcher::Address(wanted, address) => wanted == text || address::parse(text) == Some(*address),
            Matcher::Cidr(cidr) => cidr.contains(text),
            Matcher::Prefix(prefix) => text.starts_with(prefix.as_str()),
            Matcher::Suffix(suffix) => text.ends_with(suffix.as_str()),
            Matcher::PrefixIgnoreCase(prefix) => starts_with(folded(text), folded(prefix)),
            Matcher::SuffixIgnoreCase(suffix) => starts_with(folded_back(text), folded_back(suffix)),
            Matcher::IgnoreCase(wanted) => folded(text).eq(folded(wanted)),
            Matcher::Wildcard(wildcard) => wildcard.matches(text),
            _ => false,
        }
    }
}

pub(super) fn folded(text: &str) -> impl Iterator<Item = char> {
    text.chars().flat_map(char::to_lowercase)
}

pub(super) fn folded_back(text: &str) -> impl Iterator<Item = char> {
    text.chars().rev().flat_map(|c| c.to_lowercase().rev())
}

fn starts_with(mut text: impl Iterator<Item = char>, prefix: impl Iterator<Item = char>) -> bool {
    prefix.into_iter().all(|c| text.next() == Some(c))
}

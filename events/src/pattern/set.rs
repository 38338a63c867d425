//! Many patterns at once.

use super::index::Index;
use super::probe::Probe;
use super::{Branch, Pattern};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Patterns by key, with an index, so that rules which cannot match cost nothing.
///
/// Each branch of a pattern is filed under one of its conditions, the one that lets the fewest events through: an exact
/// text, number or address, a beginning or an end, a range, or just a path that must be there. An event is tried only
/// on patterns with a branch whose condition it meets, and on those that no leaf can rule out (`exists: false` alone).
#[derive(Debug, Clone)]
pub struct PatternSet<K> {
    patterns: BTreeMap<K, Pattern>,
    index: Index<K>,
    /// Those with a branch that asks for no leaf.
    others: BTreeSet<K>,
}

impl<K> Default for PatternSet<K> {
    fn default() -> Self {
        Self { patterns: BTreeMap::new(), index: Index::default(), others: BTreeSet::new() }
    }
}

impl<K: Ord + Clone> PatternSet<K> {
    /// An empty set.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many patterns there are.
    pub fn len(&self) -> usize {
        self.patterns.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.patterns.is_empty()
    }

    /// Adds a pattern, or takes another one for the key.
    pub fn insert(&mut self, key: K, pattern: Pattern) {
        self.remove(&key);
        match filed(&pattern) {
            Some(filed) => {
                for (path, probe) in filed {
                    self.index.insert(path, &probe, &key);
                }
            }
            None => {
                self.others.insert(key.clone());
            }
        }
        self.patterns.insert(key, pattern);
    }

    /// Removes a pattern; whether there was one.
    pub fn remove(&mut self, key: &K) -> bool {
        let Some(pattern) = self.patterns.remove(key) else { return false };
        if !self.others.remove(key) {
            for (path, probe) in filed(&pattern).into_iter().flatten() {
                self.index.remove(path, &probe, key);
            }
        }
        true
    }

    /// The keys of the patterns that the event matches, ascending.
    pub fn matches(&self, event: &Value) -> Vec<&K> {
        self.candidates(event).into_iter().filter(|key| self.patterns[*key].matches(event)).collect()
    }

    /// The keys of the patterns that have to be tried.
    pub(super) fn candidates(&self, event: &Value) -> BTreeSet<&K> {
        let mut keys: BTreeSet<&K> = self.others.iter().collect();
        self.index.candidates(event, &mut keys);
        keys
    }
}

/// Where a pattern is filed; `None` where one of its branches asks for no leaf at all.
fn filed(pattern: &Pattern) -> Option<Vec<(&str, Probe)>> {
    let branches: Option<Vec<_>> = pattern.branches.iter().map(|branch| anchor(pattern, branch)).collect();
    Some(
        branches?.into_iter().flat_map(|(path, probes)| probes.into_iter().map(move |p| (path, p))).collect(),
    )
}

/// The most telling condition of a branch: the one whose widest probe is narrowest, of those the one with the fewest,
/// and of those the deepest, since what lies deep (a tenant's id) is rarer than what lies on top (the source).
fn anchor<'p>(pattern: &'p Pattern, branch: &Branch) -> Option<(&'p str, Vec<Probe>)> {
    let probes = branch.conditions.iter().filter_map(|(path, matchers)| {
        let probes = matchers.iter().map(Probe::of).collect::<Option<Vec<_>>>()?;
        Some((pattern.paths[*path].as_str(), probes))
    });
    probes.min_by_key(|(path, probes)| {
        let widest = probes.iter().map(Probe::width).max().unwrap_or_default();
        (widest, probes.len(), usize::MAX - path.len())
    })
}

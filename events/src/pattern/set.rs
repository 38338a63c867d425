//! Many patterns at once.

use super::index::Index;
use super::probe::Probe;
use super::{Branch, Pattern};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Patterns by key, with an index, so that rules which cannot match cost nothing.
///
/// Each branch of a pattern is filed under one of its conditions: an exact text, number or address, a beginning or an end,
/// a range, or just a path that must be there. It is the one that the fewest others are filed under when it comes, so
/// that a condition which all patterns share (a source) is left to those that ask for nothing else. An event is tried
/// only on patterns with a branch whose condition it meets, and on those that no leaf can rule out (`exists: false`
/// alone).
#[derive(Debug, Clone)]
pub struct PatternSet<K> {
    patterns: BTreeMap<K, Filed>,
    index: Index<K>,
    /// Those with a branch that asks for no leaf.
    others: BTreeSet<K>,
}

/// Patterns under one condition that do not yet count as a crowd.
const A_FEW: usize = 2;

/// A pattern and where it is filed.
#[derive(Debug, Clone)]
struct Filed {
    pattern: Pattern,
    under: Vec<(String, Probe)>,
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
        let anchors: Option<Vec<_>> =
            pattern.branches.iter().map(|branch| self.anchor(&pattern, branch)).collect();
        if anchors.is_none() {
            self.others.insert(key.clone());
        }
        let under: Vec<(String, Probe)> = anchors.into_iter().flatten().flatten().collect();
        for (path, probe) in &under {
            self.index.insert(path, probe, &key);
        }
        self.patterns.insert(key, Filed { pattern, under });
    }

    /// Removes a pattern; whether there was one.
    pub fn remove(&mut self, key: &K) -> bool {
        let Some(filed) = self.patterns.remove(key) else { return false };
        self.others.remove(key);
        for (path, probe) in &filed.under {
            self.index.remove(path, probe, key);
        }
        true
    }

    /// The keys of the patterns that the event matches, ascending.
    pub fn matches(&self, event: &Value) -> Vec<&K> {
        self.candidates(event).into_iter().filter(|key| self.patterns[*key].pattern.matches(event)).collect()
    }

    /// The keys of the patterns that have to be tried.
    pub(super) fn candidates(&self, event: &Value) -> BTreeSet<&K> {
        let mut keys: BTreeSet<&K> = self.others.iter().collect();
        self.index.candidates(event, &mut keys);
        keys
    }

    /// The condition of a branch that is least crowded, of those the narrowest, and of those the deepest, since what lies
    /// deep (a tenant's id) is rarer than what lies on top (the source). `None` where the branch asks for no leaf.
    fn anchor(&self, pattern: &Pattern, branch: &Branch) -> Option<Vec<(String, Probe)>> {
        let conditions = branch.conditions.iter().filter_map(|(path, matchers)| {
            let probes = matchers.iter().map(Probe::of).collect::<Option<Vec<_>>>()?;
            Some((pattern.paths[*path].as_str(), probes))
        });
        let (path, probes) = conditions.min_by_key(|(path, probes)| {
            let crowd: usize = probes.iter().map(|probe| self.index.crowd(path, probe)).sum();
            let widest = probes.iter().map(Probe::width).max().unwrap_or_default();
            (crowd / A_FEW, widest, probes.len(), usize::MAX - path.len())
        })?;
        Some(probes.into_iter().map(|probe| (path.to_owned(), probe)).collect())
    }
}

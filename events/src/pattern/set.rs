//! Many patterns at once.

use super::matcher::Matcher;
use super::{Branch, Pattern, leaves};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Patterns by key. An event is only tried on patterns that it shares an exact text with (such as a detail-type or a
/// tenant's id) and on those that ask for none, so that rules which cannot match cost nothing.
#[derive(Debug, Clone)]
pub struct PatternSet<K> {
    patterns: BTreeMap<K, Pattern>,
    /// Path, then text, then who asks for it there.
    exact: BTreeMap<String, BTreeMap<String, BTreeSet<K>>>,
    /// The keys of `exact`, as a sorted list.
    paths: Vec<String>,
    /// Those with a branch that asks for no exact text.
    others: BTreeSet<K>,
}

impl<K> Default for PatternSet<K> {
    fn default() -> Self {
        Self { patterns: BTreeMap::new(), exact: BTreeMap::new(), paths: Vec::new(), others: BTreeSet::new() }
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
        match pattern.branches.iter().map(|branch| anchor(&pattern, branch)).collect::<Option<Vec<_>>>() {
            Some(anchors) => {
                for (path, texts) in anchors {
                    let by_text = self.exact.entry(path.to_owned()).or_default();
                    for text in texts {
                        by_text.entry(text.to_owned()).or_default().insert(key.clone());
                    }
                }
                self.paths = self.exact.keys().cloned().collect();
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
        self.others.remove(key);
        for (path, texts) in pattern.branches.iter().filter_map(|branch| anchor(&pattern, branch)) {
            let Some(by_text) = self.exact.get_mut(path) else { continue };
            for text in texts {
                if by_text.get_mut(text).is_some_and(|keys| keys.remove(key) && keys.is_empty()) {
                    by_text.remove(text);
                }
            }
            if by_text.is_empty() {
                self.exact.remove(path);
            }
        }
        self.paths = self.exact.keys().cloned().collect();
        true
    }

    /// The keys of the patterns that the event matches, ascending.
    pub fn matches(&self, event: &Value) -> Vec<&K> {
        self.candidates(event).into_iter().filter(|key| self.patterns[*key].matches(event)).collect()
    }

    /// The keys of the patterns that have to be tried.
    pub(super) fn candidates(&self, event: &Value) -> BTreeSet<&K> {
        let mut keys: BTreeSet<&K> = self.others.iter().collect();
        for (path, leaves) in self.paths.iter().zip(leaves::collect(event, &self.paths)) {
            let Some(by_text) = self.exact.get(path) else { continue };
            let texts = leaves.all().into_iter().filter_map(Value::as_str);
            keys.extend(texts.filter_map(|text| by_text.get(text)).flatten());
        }
        keys
    }
}

/// The most telling path of a branch at which only exact texts may stand: the one with the fewest, and of those the
/// deepest, since what lies deep (a tenant's id) is rarer than what lies on top (the source).
fn anchor<'p>(pattern: &'p Pattern, branch: &'p Branch) -> Option<(&'p str, Vec<&'p str>)> {
    let texts = |matchers: &'p [Matcher]| {
        let texts = matchers.iter().map(|matcher| match matcher {
            Matcher::Text(text) => Some(text.as_str()),
            _ => None,
        });
        texts.collect::<Option<Vec<_>>>()
    };
    branch
        .conditions
        .iter()
        .filter_map(|(path, matchers)| Some((pattern.paths[*path].as_str(), texts(matchers)?)))
        .min_by_key(|(path, texts)| (texts.len(), usize::MAX - path.len()))
}

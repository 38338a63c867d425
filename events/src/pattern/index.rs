//! The index of a [`super::PatternSet`]: from an event's leaves to the patterns that are worth a try.

use super::number::Num;
use super::probe::{Probe, View, place};
use super::{address, leaves};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;

use super::intervals::Intervals;

/// Keys by path and probe.
#[derive(Debug, Clone)]
pub(super) struct Index<K> {
    by_path: BTreeMap<String, Leaf<K>>,
    /// The keys of `by_path`, as a sorted list.
    paths: Vec<String>,
}

/// What was asked of the leaves of one path.
#[derive(Debug, Clone)]
struct Leaf<K> {
    /// One for each [`View`], in the order of [`View::ALL`].
    texts: [Texts<K>; 4],
    numbers: Intervals<K>,
    v4: Intervals<K>,
    v6: Intervals<K>,
    null: BTreeSet<K>,
    bools: [BTreeSet<K>; 2],
    there: BTreeSet<K>,
    /// How many probes there are in all.
    count: usize,
}

/// Texts that a leaf must be, or begin with.
#[derive(Debug, Clone)]
struct Texts<K> {
    is: HashMap<String, BTreeSet<K>>,
    begins: HashMap<String, BTreeSet<K>>,
    /// The lengths of the keys of `begins`, in bytes, and how many have each.
    lengths: BTreeMap<usize, usize>,
}

impl<K> Default for Texts<K> {
    fn default() -> Self {
        Self { is: HashMap::new(), begins: HashMap::new(), lengths: BTreeMap::new() }
    }
}

impl<K> Default for Leaf<K> {
    fn default() -> Self {
        Self {
            texts: Default::default(),
            numbers: Intervals::default(),
            v4: Intervals::default(),
            v6: Intervals::default(),
            null: BTreeSet::new(),
            bools: [BTreeSet::new(), BTreeSet::new()],
            there: BTreeSet::new(),
            count: 0,
        }
    }
}

impl<K> Default for Index<K> {
    fn default() -> Self {
        Self { by_path: BTreeMap::new(), paths: Vec::new() }
    }
}

impl<K: Ord + Clone> Index<K> {
    pub(super) fn insert(&mut self, path: &str, probe: &Probe, key: &K) {
        if !self.by_path.contains_key(path) {
            let at = self.paths.partition_point(|known| known.as_str() < path);
            self.paths.insert(at, path.to_owned());
        }
        let leaf = self.by_path.entry(path.to_owned()).or_default();
        leaf.count += 1;
        match probe {
            Probe::Is(view, text) => {
                leaf.texts[*view as usize].is.entry(text.clone()).or_default().insert(key.clone());
            }
            Probe::Begins(view, text) => leaf.texts[*view as usize].insert_beginning(text, key),
            Probe::Number(first, last) => leaf.numbers.insert(*first, *last, key),
            Probe::V4(first, last) => leaf.v4.insert(*first, *last, key),
            Probe::V6(first, last) => leaf.v6.insert(*first, *last, key),
            Probe::Null => drop(leaf.null.insert(key.clone())),
            Probe::Bool(wanted) => drop(leaf.bools[usize::from(*wanted)].insert(key.clone())),
            Probe::There => drop(leaf.there.insert(key.clone())),
        }
    }

    /// How many keys a leaf that passes the probe brings along already.
    pub(super) fn crowd(&self, path: &str, probe: &Probe) -> usize {
        let Some(leaf) = self.by_path.get(path) else { return 0 };
        let texts = |view: &View| &leaf.texts[*view as usize];
        match probe {
            Probe::Is(view, text) => texts(view).is.get(text).map_or(0, BTreeSet::len),
            Probe::Begins(view, text) => texts(view).begins.get(text).map_or(0, BTreeSet::len),
            Probe::Number(first, _) => leaf.numbers.count(*first),
            Probe::V4(first, _) => leaf.v4.count(*first),
            Probe::V6(first, _) => leaf.v6.count(*first),
            Probe::Null => leaf.null.len(),
            Probe::Bool(wanted) => leaf.bools[usize::from(*wanted)].len(),
            Probe::There => leaf.there.len(),
        }
    }

    /// Takes back what [`Index::insert`] did with the same arguments.
    pub(super) fn remove(&mut self, path: &str, probe: &Probe, key: &K) {
        let Some(leaf) = self.by_path.get_mut(path) else { return };
        match probe {
            Probe::Is(view, text) => drop(take(&mut leaf.texts[*view as usize].is, text, key)),
            Probe::Begins(view, text) => leaf.texts[*view as usize].remove_beginning(text, key),
            Probe::Number(first, last) => leaf.numbers.remove(*first, *last, key),
            Probe::V4(first, last) => leaf.v4.remove(*first, *last, key),
            Probe::V6(first, last) => leaf.v6.remove(*first, *last, key),
            Probe::Null => drop(leaf.null.remove(key)),
            Probe::Bool(wanted) => drop(leaf.bools[usize::from(*wanted)].remove(key)),
            Probe::There => drop(leaf.there.remove(key)),
        }
        leaf.count -= 1;
        if leaf.count == 0 {
            self.by_path.remove(path);
            self.paths.retain(|known| known != path);
        }
    }

    /// Adds the keys whose probe some leaf of the event passes.
    pub(super) fn candidates<'k>(&'k self, event: &Value, found: &mut BTreeSet<&'k K>) {
        for (path, leaves) in self.paths.iter().zip(leaves::collect(event, &self.paths)) {
            let Some(index) = self.by_path.get(path) else { continue };
            for leaf in leaves.all() {
                index.passed_by(leaf, found);
            }
        }
    }
}

impl<K: Ord + Clone> Leaf<K> {
    fn passed_by<'k>(&'k self, leaf: &Value, found: &mut BTreeSet<&'k K>) {
        found.extend(&self.there);
        match leaf {
            Value::Null => found.extend(&self.null),
            Value::Bool(is) => found.extend(&self.bools[usize::from(*is)]),
            Value::Number(number) if !self.numbers.is_empty() => {
                found.extend(self.numbers.holding(place(Num::of(number))));
            }
            Value::String(text) => {
                for (view, texts) in View::ALL.into_iter().zip(&self.texts) {
                    texts.passed_by(view, text, found);
                }
                if !self.v4.is_empty() || !self.v6.is_empty() {
                    match address::parse(text) {
                        Some(IpAddr::V4(v4)) => found.extend(self.v4.holding(v4.to_bits().into())),
                        Some(IpAddr::V6(v6)) => found.extend(self.v6.holding(v6.to_bits())),
                        None => {}
                    }
                }
            }
            _ => {}
        }
    }
}

impl<K: Ord + Clone> Texts<K> {
    fn insert_beginning(&mut self, text: &str, key: &K) {
        let keys = self.begins.entry(text.to_owned()).or_insert_with(|| {
            *self.lengths.entry(text.len()).or_default() += 1;
            BTreeSet::new()
        });
        keys.insert(key.clone());
    }

    fn remove_beginning(&mut self, text: &str, key: &K) {
        if take(&mut self.begins, text, key)
            && let Some(count) = self.lengths.get_mut(&text.len())
        {
            *count -= 1;
            if *count == 0 {
                self.lengths.remove(&text.len());
            }
        }
    }

    fn passed_by<'k>(&'k self, view: View, text: &str, found: &mut BTreeSet<&'k K>) {
        if self.is.is_empty() && self.begins.is_empty() {
            return;
        }
        let read = view.of(text);
        found.extend(self.is.get(&read).into_iter().flatten());
        for length in self.lengths.range(..=read.len()).map(|(length, _)| *length) {
            if let Some(beginning) = read.get(..length) {
                found.extend(self.begins.get(beginning).into_iter().flatten());
            }
        }
    }
}

/// Takes a key away; whether it was the text's last.
fn take<K: Ord>(keys: &mut HashMap<String, BTreeSet<K>>, text: &str, key: &K) -> bool {
    let last = keys.get_mut(text).is_some_and(|keys| keys.remove(key) && keys.is_empty());
    if last {
        keys.remove(text);
    }
    last
}

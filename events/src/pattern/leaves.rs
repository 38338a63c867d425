//! The leaves of an event, by the paths that a pattern names, with the array elements that they lie in.

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Deeper parts of an event are not looked at; JSON text nests at most 128 deep.
const DEPTH_MAX: usize = 256;

/// The array elements around a leaf, from the outermost: pairs of array number and index.
type Chain = [(u32, u32)];

/// Which element was chosen of which array: pairs of array number and index, ascending.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Membership(Vec<(u32, u32)>);

impl Membership {
    fn chosen(&self, array: u32) -> Option<u32> {
        self.0.binary_search_by_key(&array, |(known, _)| *known).ok().map(|at| self.0[at].1)
    }

    fn with(&self, chain: &Chain) -> Self {
        let mut pairs = self.0.clone();
        pairs.extend(chain);
        pairs.sort_unstable();
        pairs.dedup();
        Self(pairs)
    }

    pub(super) fn restricted_to(&self, wanted: &dyn Fn(u32) -> bool) -> Self {
        Self(self.0.iter().copied().filter(|(array, _)| wanted(*array)).collect())
    }
}

/// The leaves of one path, as a tree of the array elements around them.
#[derive(Debug, Default)]
pub(super) struct Leaves<'e> {
    root: Node<'e>,
    arrays: BTreeSet<u32>,
}

#[derive(Debug, Default)]
struct Node<'e> {
    here: Vec<&'e Value>,
    arrays: BTreeMap<u32, BTreeMap<u32, Node<'e>>>,
}

impl<'e> Leaves<'e> {
    fn insert(&mut self, chain: &Chain, leaf: &'e Value) {
        let mut node = &mut self.root;
        for (array, index) in chain {
            self.arrays.insert(*array);
            node = node.arrays.entry(*array).or_default().entry(*index).or_default();
        }
        node.here.push(leaf);
    }

    pub(super) fn has_array(&self, array: u32) -> bool {
        self.arrays.contains(&array)
    }

    /// Every leaf, wherever it lies.
    pub(super) fn all(&self) -> Vec<&'e Value> {
        let mut out = Vec::new();
        self.root.gather(&mut out);
        out
    }

    /// The leaves that `keep` accepts.
    pub(super) fn filtered(&self, keep: &dyn Fn(&Value) -> bool) -> Kept<'e> {
        Kept(self.root.filtered(keep))
    }

    /// Whether any leaf agrees with the choice.
    pub(super) fn any_consistent(&self, choice: &Membership) -> bool {
        let mut found = false;
        self.root.visit(choice, &mut Vec::new(), &mut |_| {
            found = true;
            false
        });
        found
    }
}

/// The leaves that were kept.
pub(super) struct Kept<'e>(Option<Node<'e>>);

impl Kept<'_> {
    /// Calls `take` with the choice enlarged by the elements around each leaf that agrees with it, until it answers
    /// `false`. Leaves of one element count once.
    pub(super) fn each_consistent(&self, choice: &Membership, take: &mut dyn FnMut(Membership) -> bool) {
        if let Some(node) = &self.0 {
            node.visit(choice, &mut Vec::new(), &mut |chain| take(choice.with(chain)));
        }
    }
}

impl<'e> Node<'e> {
    fn gather(&self, out: &mut Vec<&'e Value>) {
        out.extend(&self.here);
        for node in self.arrays.values().flat_map(BTreeMap::values) {
            node.gather(out);
        }
    }

    fn filtered(&self, keep: &dyn Fn(&Value) -> bool) -> Option<Node<'e>> {
        let here: Vec<&Value> = self.here.iter().copied().filter(|leaf| keep(leaf)).collect();
        let mut arrays = BTreeMap::new();
        for (array, elements) in &self.arrays {
            let kept: BTreeMap<u32, Node<'e>> = elements
                .iter()
                .filter_map(|(index, node)| node.filtered(keep).map(|node| (*index, node)))
                .collect();
            if !kept.is_empty() {
                arrays.insert(*array, kept);
            }
        }
        (!here.is_empty() || !arrays.is_empty()).then_some(Node { here, arrays })
    }

    /// Calls `found` once for each node with leaves that agrees with the choice; stops once it answers `false`.
    fn visit(
        &self,
        choice: &Membership,
        chain: &mut Vec<(u32, u32)>,
        found: &mut dyn FnMut(&Chain) -> bool,
    ) -> bool {
        if !self.here.is_empty() && !found(chain) {
            return false;
        }
        for (array, elements) in &self.arrays {
            let chosen = choice.chosen(*array);
            let (first, last) = chosen.map_or((0, u32::MAX), |index| (index, index));
            for (index, node) in elements.range(first..=last) {
                chain.push((*array, *index));
                let go_on = node.visit(choice, chain, found);
                chain.pop();
                if !go_on {
                    return false;
                }
            }
        }
        true
    }
}

/// The leaves under each of the paths (sorted). Parts of the event that no path leads into are not walked.
pub(super) fn collect<'e>(event: &'e Value, paths: &[String]) -> Vec<Leaves<'e>> {
    let mut walk = Walk {
        paths,
        longest: paths.iter().map(String::len).max().unwrap_or(0),
        leaves: paths.iter().map(|_| Leaves::default()).collect(),
        path: String::new(),
        chain: Vec::new(),
        arrays: 0,
    };
    walk.value(event, 0);
    walk.leaves
}

struct Walk<'p, 'e> {
    paths: &'p [String],
    longest: usize,
    leaves: Vec<Leaves<'e>>,
    path: String,
    chain: Vec<(u32, u32)>,
    arrays: u32,
}

impl<'e> Walk<'_, 'e> {
    fn value(&mut self, value: &'e Value, depth: usize) {
        match value {
            _ if depth > DEPTH_MAX => {}
            Value::Object(fields) => {
                for (name, field) in fields {
                    self.field(name, field, depth);
                }
            }
            Value::Array(elements) => {
                let array = self.arrays;
                self.arrays += 1;
                for (index, element) in (0u32..).zip(elements) {
                    self.chain.push((array, index));
                    self.value(element, depth + 1);
                    self.chain.pop();
                }
            }
            leaf => {
                if let Ok(place) = self.paths.binary_search(&self.path) {
                    self.leaves[place].insert(&self.chain, leaf);
                }
            }
        }
    }

    fn field(&mut self, name: &str, field: &'e Value, depth: usize) {
        let before = self.path.len();
        // Checked before the path grows: a long key in a large array must not be copied once per element.
        if before + name.len() > self.longest {
            return;
        }
        if depth > 0 {
            self.path.push('.');
        }
        self.path.push_str(name);
        let place = self.paths.partition_point(|known| *known < self.path);
        if self.paths.get(place).is_some_and(|known| known.starts_with(&self.path)) {
            self.value(field, depth + 1);
        }
        self.path.truncate(before);
    }
}

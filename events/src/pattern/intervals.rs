//! Which of many intervals hold a point, at a cost that does not grow with how many there are.

use std::collections::{BTreeSet, HashMap};

/// Intervals of whole numbers of at most 128 bits, by key.
///
/// Each interval is cut into blocks: a block of level `n` is all numbers that share their bits above the lowest `n`. A
/// point lies in one block of each level, so it takes one look-up a level that is in use; an interval takes at most two
/// blocks a level.
#[derive(Debug, Clone)]
pub(super) struct Intervals<K> {
    blocks: HashMap<(u8, u128), BTreeSet<K>>,
    /// How many blocks each level has.
    levels: Vec<u32>,
}

impl<K> Default for Intervals<K> {
    fn default() -> Self {
        Self { blocks: HashMap::new(), levels: vec![0; 129] }
    }
}

impl<K: Ord + Clone> Intervals<K> {
    pub(super) fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }

    /// Adds the interval from `first` to `last`, both inside it.
    pub(super) fn insert(&mut self, first: u128, last: u128, key: &K) {
        each_block(first, last, &mut |level, block| {
            let keys = self.blocks.entry((level, block)).or_insert_with(|| {
                self.levels[usize::from(level)] += 1;
                BTreeSet::new()
            });
            keys.insert(key.clone());
        });
    }

    /// Takes an interval away that was added with the same bounds.
    pub(super) fn remove(&mut self, first: u128, last: u128, key: &K) {
        each_block(first, last, &mut |level, block| {
            if let Some(keys) = self.blocks.get_mut(&(level, block)) {
                keys.remove(key);
                if keys.is_empty() {
                    self.blocks.remove(&(level, block));
                    self.levels[usize::from(level)] -= 1;
                }
            }
        });
    }

    /// How many intervals hold the point.
    pub(super) fn count(&self, point: u128) -> usize {
        self.holding(point).count()
    }

    /// The keys of the intervals that hold the point.
    pub(super) fn holding(&self, point: u128) -> impl Iterator<Item = &K> {
        let used = (0u8..=128).filter(|level| self.levels[usize::from(*level)] > 0);
        used.filter_map(move |level| self.blocks.get(&(level, above(point, level)))).flatten()
    }
}

/// The bits above the lowest `level` ones.
fn above(number: u128, level: u8) -> u128 {
    number.checked_shr(u32::from(level)).unwrap_or(0)
}

/// The fewest blocks that make up the interval.
fn each_block(first: u128, last: u128, take: &mut dyn FnMut(u8, u128)) {
    let mut first = first;
    while first <= last {
        // The greatest block that begins here and does not go beyond the end.
        let room = last - first;
        let fits = if room == u128::MAX { 128 } else { 127 - (room + 1).leading_zeros() };
        let level = fits.min(if first == 0 { 128 } else { first.trailing_zeros() });
        let level = u8::try_from(level).unwrap_or(128);
        take(level, above(first, level));
        let next = 1u128.checked_shl(u32::from(level)).and_then(|size| first.checked_add(size));
        match next {
            Some(next) => first = next,
            None => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_point_is_in_what_holds_it(
            intervals in prop::collection::vec((any::<u128>(), any::<u128>(), 0u32..120), 0..20),
            point in any::<u128>(), small in 0u32..120,
        ) {
            let intervals: Vec<(u128, u128)> = intervals
                .into_iter()
                .map(|(a, b, shift)| (a >> shift, b >> shift))
                .map(|(a, b)| (a.min(b), a.max(b)))
                .collect();
            let mut index = Intervals::default();
            for (key, (first, last)) in intervals.iter().enumerate() {
                index.insert(*first, *last, &key);
            }
            let points = [point >> small, 0, u128::MAX];
            let edges = intervals.iter().flat_map(|(a, b)| [*a, *b, a.saturating_sub(1), b.saturating_add(1)]);
            for point in points.into_iter().chain(edges) {
                let wanted: BTreeSet<usize> =
                    (0..intervals.len()).filter(|key| intervals[*key].0 <= point && point <= intervals[*key].1).collect();
                let found: Vec<usize> = index.holding(point).copied().collect();
                prop_assert_eq!(found.len(), wanted.len(), "once each");
                prop_assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), wanted);
            }
            for (key, (first, last)) in intervals.iter().enumerate() {
                index.remove(*first, *last, &key);
            }
            prop_assert!(index.is_empty());
        }
    }

    #[test]
    fn everything_is_one_block() {
        let mut blocks = Vec::new();
        each_block(0, u128::MAX, &mut |level, block| blocks.push((level, block)));
        assert_eq!(blocks, [(128, 0)]);
        blocks.clear();
        each_block(1, 6, &mut |level, block| blocks.push((level, block)));
        assert_eq!(blocks, [(0, 1), (1, 1), (1, 2), (0, 6)]);
    }
}

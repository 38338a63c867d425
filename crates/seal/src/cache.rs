//! Unwrapped data keys in memory: bounded, and never one whose row is not durable or is destroyed.

use crate::SealingKey;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The cache, by name. Two generations make it forget what was not used for long, at a constant cost. `K` is a key, or a
/// key and what its home must know of it.
pub struct KeyCache<N, K = SealingKey> {
    generation_keys_max: usize,
    state: Mutex<State<N, K>>,
}

struct State<N, K> {
    young: HashMap<N, K>,
    old: HashMap<N, K>,
    epoch: u64,
}

/// A time before which a key must have been read to be kept: a key that was destroyed meanwhile must not come back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Epoch(u64);

/// Shows how many there are.
impl<N, K> std::fmt::Debug for KeyCache<N, K> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let state = self.lock();
        write!(f, "[{} keys]", state.young.len() + state.old.len())
    }
}

impl<N, K> KeyCache<N, K> {
    /// An empty cache of two generations, each of at most so many keys.
    pub fn new(generation_keys_max: usize) -> Self {
        let state = State { young: HashMap::new(), old: HashMap::new(), epoch: 0 };
        Self { generation_keys_max, state: Mutex::new(state) }
    }

    fn lock(&self) -> MutexGuard<'_, State<N, K>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<N: Hash + Eq + Clone, K: Clone> KeyCache<N, K> {
    /// The key of that name, where it is kept.
    pub fn get(&self, name: &N) -> Option<K> {
        let mut state = self.lock();
        if let Some(key) = state.young.get(name) {
            return Some(key.clone());
        }
        let key = state.old.remove(name)?;
        state.keep(self.generation_keys_max, name.clone(), key.clone());
        Some(key)
    }

    /// To be asked before a key's row is read.
    pub fn epoch(&self) -> Epoch {
        Epoch(self.lock().epoch)
    }

    /// Keeps a key that was read from a durable row, unless any was destroyed since.
    pub fn put(&self, name: N, key: K, read_at: Epoch) {
        let mut state = self.lock();
        if state.epoch == read_at.0 {
            state.keep(self.generation_keys_max, name, key);
        }
    }

    /// Forgets a key for good. To be called once its row is durably gone.
    pub fn destroy(&self, name: &N) {
        let mut state = self.lock();
        state.epoch += 1;
        state.young.remove(name);
        state.old.remove(name);
    }

    /// Forgets, and so wipes, the keys that are no longer good.
    pub fn retain(&self, mut good: impl FnMut(&K) -> bool) {
        let mut state = self.lock();
        state.young.retain(|_, key| good(key));
        state.old.retain(|_, key| good(key));
    }
}

impl<N: Hash + Eq, K> State<N, K> {
    fn keep(&mut self, generation_keys_max: usize, name: N, key: K) {
        if self.young.len() >= generation_keys_max {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(name, key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tenantry_system::SystemIds;

    const GENERATION: usize = 100;

    fn key() -> SealingKey {
        SealingKey::new(&SealingKey::generate(&SystemIds::new().unwrap()))
    }

    #[test]
    fn a_key_read_before_a_destruction_is_not_kept_after_it() {
        let cache = KeyCache::new(GENERATION);
        let before = cache.epoch();
        cache.destroy(&1);
        cache.put(1, key(), before);
        assert!(cache.get(&1).is_none());
        cache.put(1, key(), cache.epoch());
        assert!(cache.get(&1).is_some());
        cache.destroy(&1);
        assert!(cache.get(&1).is_none());
    }

    #[test]
    fn stays_bounded_and_keeps_what_is_used() {
        let (cache, key) = (KeyCache::new(GENERATION), key());
        for number in 0..3 * GENERATION {
            cache.put(number, key.clone(), cache.epoch());
            assert!(cache.get(&0).is_some(), "{number}");
        }
        let state = cache.lock();
        assert!(state.young.len() + state.old.len() <= 2 * GENERATION);
        assert!(!state.young.contains_key(&1) && !state.old.contains_key(&1));
    }

    #[test]
    fn what_is_no_longer_good_goes_from_both_generations() {
        let cache = KeyCache::new(2);
        for number in 0..4 {
            cache.put(number, number, cache.epoch());
        }
        cache.retain(|number| number % 2 == 1);
        assert_eq!([0, 1, 2, 3].map(|number| cache.get(&number)), [None, Some(1), None, Some(3)]);
    }

    #[test]
    fn nothing_of_a_key_is_shown() {
        let cache = KeyCache::new(2);
        cache.put(1, key(), cache.epoch());
        assert_eq!(format!("{cache:?} {:?}", cache.get(&1)), "[1 keys] Some([key])");
    }
}

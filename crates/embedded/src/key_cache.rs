//! Unwrapped data keys in memory: bounded, and never one whose row is not durable or is destroyed.

use crate::seal::SealingKey;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tenantry_core::TenantId;
use tenantry_core::ports::KeyPurpose;

pub(crate) type KeyName = (TenantId, KeyPurpose);

/// Keys of each of the two generations.
const GENERATION_KEYS_MAX: usize = 8_192;

/// The cache. Two generations make it forget what was not used for long, at a constant cost.
#[derive(Default)]
pub(crate) struct KeyCache {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    young: HashMap<KeyName, SealingKey>,
    old: HashMap<KeyName, SealingKey>,
    epoch: u64,
}

/// A time before which a key must have been read to be kept: a key that was destroyed meanwhile must not come back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Epoch(u64);

impl KeyCache {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn get(&self, name: &KeyName) -> Option<SealingKey> {
        let mut state = self.lock();
        if let Some(key) = state.young.get(name) {
            return Some(key.clone());
        }
        let key = state.old.remove(name)?;
        state.keep(name.clone(), key.clone());
        Some(key)
    }

    /// To be asked before a key's row is read.
    pub(crate) fn epoch(&self) -> Epoch {
        Epoch(self.lock().epoch)
    }

    /// Keeps a key that was read from a durable row, unless any was destroyed since.
    pub(crate) fn put(&self, name: KeyName, key: SealingKey, read_at: Epoch) {
        let mut state = self.lock();
        if state.epoch == read_at.0 {
            state.keep(name, key);
        }
    }

    /// Forgets a key for good. To be called once its row is durably gone.
    pub(crate) fn destroy(&self, name: &KeyName) {
        let mut state = self.lock();
        state.epoch += 1;
        state.young.remove(name);
        state.old.remove(name);
    }
}

impl State {
    fn keep(&mut self, name: KeyName, key: SealingKey) {
        if self.young.len() >= GENERATION_KEYS_MAX {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(name, key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tenantry_system::SystemIds;

    fn name(number: u128) -> KeyName {
        (TenantId::from_uuid(uuid::Uuid::from_u128(number)), KeyPurpose::Data)
    }

    fn key() -> SealingKey {
        SealingKey::new(&SealingKey::generate(&SystemIds::new().unwrap()))
    }

    #[test]
    fn a_key_read_before_a_destruction_is_not_kept_after_it() {
        let cache = KeyCache::default();
        let before = cache.epoch();
        cache.destroy(&name(1));
        cache.put(name(1), key(), before);
        assert!(cache.get(&name(1)).is_none());
        cache.put(name(1), key(), cache.epoch());
        assert!(cache.get(&name(1)).is_some());
        cache.destroy(&name(1));
        assert!(cache.get(&name(1)).is_none());
    }

    #[test]
    fn stays_bounded_and_keeps_what_is_used() {
        let (cache, key) = (KeyCache::default(), key());
        for number in 0..3 * GENERATION_KEYS_MAX as u128 {
            cache.put(name(number), key.clone(), cache.epoch());
            assert!(cache.get(&name(0)).is_some(), "{number}");
        }
        let state = cache.lock();
        assert!(state.young.len() + state.old.len() <= 2 * GENERATION_KEYS_MAX);
        assert!(!state.young.contains_key(&name(1)) && !state.old.contains_key(&name(1)));
    }
}

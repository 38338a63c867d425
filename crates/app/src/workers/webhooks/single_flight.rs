//! One at a time per key within this process, and whoever comes meanwhile makes it look again.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The keys at work; the value tells whether there was news since.
#[derive(Default)]
pub(super) struct SingleFlight {
    flights: Mutex<HashMap<String, bool>>,
}

/// The work at one key; it ends when this is dropped.
pub(super) struct Flight<'a> {
    flights: &'a SingleFlight,
    key: String,
}

impl SingleFlight {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, bool>> {
        self.flights.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins; `None` where somebody is at it, who now looks again before it ends.
    pub(super) fn begin(&self, key: &str) -> Option<Flight<'_>> {
        let mut flights = self.lock();
        if let Some(news) = flights.get_mut(key) {
            *news = true;
            return None;
        }
        flights.insert(key.to_owned(), false);
        Some(Flight { flights: self, key: key.to_owned() })
    }
}

impl Flight<'_> {
    /// Whether nobody came since the last look. Where this answers `true`, the key is free at that very moment, so
    /// that nobody can come between the look and the end.
    pub(super) fn nothing_new(&self) -> bool {
        let mut flights = self.flights.lock();
        match flights.get_mut(&self.key) {
            Some(news) if *news => {
                *news = false;
                false
            }
            _ => {
                flights.remove(&self.key);
                true
            }
        }
    }
}

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        self.flights.lock().remove(&self.key);
    }
}

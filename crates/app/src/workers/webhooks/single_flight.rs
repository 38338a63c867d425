//! One at a time per key within this process, and whoever comes meanwhile makes it look again.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The keys at work.
#[derive(Default)]
pub(super) struct SingleFlight {
    flights: Mutex<HashMap<String, Told>>,
}

/// What those who came with a key have said.
struct Told {
    /// The greatest number.
    number: u64,
    /// Whether somebody came since the last look.
    news: bool,
}

/// The work at one key; it ends when this is dropped.
pub(super) struct Flight<'a> {
    flights: &'a SingleFlight,
    /// `None` once it has ended: the key may be another's by then.
    key: Option<String>,
}

impl SingleFlight {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Told>> {
        self.flights.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins; `None` where somebody is at it, who now looks again before it ends, and knows this number.
    pub(super) fn begin(&self, key: &str, number: u64) -> Option<Flight<'_>> {
        let mut flights = self.lock();
        if let Some(told) = flights.get_mut(key) {
            *told = Told { number: told.number.max(number), news: true };
            return None;
        }
        flights.insert(key.to_owned(), Told { number, news: false });
        Some(Flight { flights: self, key: Some(key.to_owned()) })
    }
}

impl Flight<'_> {
    /// The greatest number that anybody came with until now.
    pub(super) fn told(&self) -> u64 {
        let flights = self.flights.lock();
        self.key.as_ref().and_then(|key| flights.get(key)).map_or(0, |told| told.number)
    }

    /// Whether nobody came since the last look. Where this answers `true`, the key is free at that very moment, so
    /// that nobody can come between the look and the end.
    pub(super) fn nothing_new(&mut self) -> bool {
        let mut flights = self.flights.lock();
        if let Some(told) = self.key.as_ref().and_then(|key| flights.get_mut(key))
            && told.news
        {
            told.news = false;
            return false;
        }
        if let Some(key) = self.key.take() {
            flights.remove(&key);
        }
        true
    }
}

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        if let Some(key) = self.key.take() {
            self.flights.lock().remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_comes_meanwhile_is_heard_and_an_end_frees_the_key_once() {
        let flights = SingleFlight::default();
        let mut first = flights.begin("a", 3).unwrap();
        assert!(flights.begin("b", 1).is_some() && flights.begin("a", 5).is_none());
        assert!(flights.begin("a", 4).is_none());
        assert_eq!((first.told(), first.nothing_new()), (5, false));
        assert!(first.nothing_new());
        let mut second = flights.begin("a", 6).unwrap();
        drop(first);
        assert!(flights.begin("a", 7).is_none(), "the second is at it, though the first is dropped only now");
        assert_eq!((second.told(), second.nothing_new(), second.nothing_new()), (7, false, true));
        drop(flights.begin("a", 1));
        assert!(flights.begin("a", 1).is_some());
    }
}

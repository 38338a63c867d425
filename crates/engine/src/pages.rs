//! Where the next page of a history begins, so that a long one is not read from its start for each of its pages.

use crate::journal::ExecutionKey;
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Places that are remembered: as many histories may be paged through at once.
const PLACES_MAX: usize = 256;

/// After which event a page ended, and how many rows hold nothing that follows.
struct Place {
    execution: ExecutionKey,
    after: u64,
    rows: usize,
}

/// The latest places. Rows are only ever appended, so one that is remembered stays true.
#[derive(Default)]
pub(crate) struct Pages(Mutex<VecDeque<Place>>);

impl Pages {
    fn places(&self) -> MutexGuard<'_, VecDeque<Place>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many rows, oldest first, hold nothing that follows that event, as far as is known.
    pub(crate) fn rows_before(&self, execution: ExecutionKey, after: u64) -> usize {
        let places = self.places();
        let known = places.iter().filter(|place| place.execution == execution && place.after <= after);
        known.map(|place| place.rows).max().unwrap_or(0)
    }

    /// Remembers it.
    pub(crate) fn remember(&self, execution: ExecutionKey, after: u64, rows: usize) {
        let mut places = self.places();
        if places.len() >= PLACES_MAX {
            places.pop_front();
        }
        places.push_back(Place { execution, after, rows });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_farthest_place_before_an_event_is_known() {
        let pages = Pages::default();
        assert_eq!(pages.rows_before(1, 100), 0);
        pages.remember(1, 10, 3);
        pages.remember(1, 20, 7);
        pages.remember(2, 5, 9);
        let found: Vec<_> = [9, 10, 19, 20, 99].map(|after| pages.rows_before(1, after)).into();
        assert_eq!(found, [0, 3, 3, 7, 7]);
        for number in 0..PLACES_MAX as u64 {
            pages.remember(3, number, 1);
        }
        assert_eq!(pages.rows_before(1, 99), 0, "the oldest places go");
    }
}

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use tenantry_core::ports::Ids;

/// Ids and chance that are the same in every run.
#[derive(Debug, Default)]
pub struct SeqIds {
    next: AtomicU64,
    chance: Mutex<u64>,
}

impl Ids for SeqIds {
    fn next(&self) -> uuid::Uuid {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        // The version and variant bits of a UUIDv7 (RFC 9562 section 5.7), and a counter for the time.
        uuid::Uuid::from_u128((u128::from(number) << 80) | (7 << 76) | (2 << 62))
    }

    fn fill(&self, bytes: &mut [u8]) {
        let mut chance = self.chance.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        for byte in bytes {
            // SplitMix64 (Steele, Lea, Flood 2014): evenly spread, and the same in every run.
            *chance = chance.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut mixed = *chance;
            mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            *byte = (mixed ^ (mixed >> 31)).to_le_bytes()[0];
        }
    }
}

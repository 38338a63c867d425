//! Positions: how far each shard of the archive was read, as one text.

use tenantry_core::keys::INDEX_SHARDS;

/// The archive's shards: those of the indexes, a tenant's events all in one.
pub(super) const SHARDS: usize = INDEX_SHARDS as usize;

const DIGITS: usize = 16;

/// The last number that was read of each shard. A later position of one reading is at least as great in each shard and
/// greater in one, so the texts ascend too; and because each shard's numbers are dense, nothing that is written later
/// lies behind a position.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Position(pub(super) [u64; SHARDS]);

impl Position {
    /// As callers see it.
    pub(super) fn write(self) -> String {
        let numbers = self.0.iter().map(|number| format!("{number:016x}"));
        std::iter::once("p".to_owned()).chain(numbers).collect()
    }

    /// The position that a text names; `None` where none was ever written so.
    pub(super) fn read(text: &str) -> Option<Self> {
        let digits = text.strip_prefix('p').filter(|digits| digits.is_ascii())?;
        let mut numbers = [0; SHARDS];
        if digits.len() != SHARDS * DIGITS {
            return None;
        }
        for (place, number) in numbers.iter_mut().enumerate() {
            *number = u64::from_str_radix(digits.get(place * DIGITS..(place + 1) * DIGITS)?, 16).ok()?;
        }
        let position = Self(numbers);
        (position.write() == text).then_some(position)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_come_back_and_ascend_as_texts() {
        let positions =
            [[0; SHARDS], [0, 0, 0, 9], [0, 0, 10, 9], [1, 0, 10, 9], [1, 0, u64::MAX, 9]].map(Position);
        let texts: Vec<_> = positions.iter().map(|position| position.write()).collect();
        assert!(texts.is_sorted_by(|a, b| a < b), "{texts:?}");
        for (position, text) in positions.iter().zip(&texts) {
            assert_eq!(Position::read(text), Some(*position));
        }
    }

    #[test]
    fn nothing_else_is_one() {
        let good = Position([1, 2, 3, 0xab]).write();
        let bad = [
            String::new(),
            "p".to_owned(),
            good[1..].to_owned(),
            format!("{good}0"),
            good.replace("ab", "AB"),
            good.replacen("p0", "p+", 1),
            "ü".repeat(33),
        ];
        for text in bad {
            assert_eq!(Position::read(&text), None, "{text}");
        }
    }
}

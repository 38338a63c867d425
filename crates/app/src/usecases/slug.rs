//! Slugs made from names.

use super::App;
use tenantry_core::limits;

/// Longest part of a made slug that comes from the name, so that a suffix always fits.
const STEM_LENGTH_MAX: usize = 48;

/// Lower-case letters and digits of the name, everything between them one hyphen; `tenant` where nothing is left.
pub(super) fn stem(name: &str) -> String {
    let mut stem = String::new();
    for c in name.chars().flat_map(char::to_lowercase) {
        if c.is_ascii_alphanumeric() {
            stem.push(c);
        } else if !stem.is_empty() && !stem.ends_with('-') {
            stem.push('-');
        }
    }
    stem.truncate(STEM_LENGTH_MAX);
    let stem = stem.trim_end_matches('-');
    if stem.is_empty() || stem.starts_with("xn--") { "tenant".to_owned() } else { stem.to_owned() }
}

impl App {
    /// The slug to try at this try, from 0: the stem itself, then the stem with a random suffix that grows.
    pub(super) fn made_slug(&self, stem: &str, tried: usize) -> String {
        const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
        if tried == 0 {
            return stem.to_owned();
        }
        let mut bytes = [0u8; 12];
        self.ports.ids.fill(&mut bytes);
        let length = (3 + tried).min(bytes.len());
        let suffix = bytes[..length].iter().map(|byte| char::from(ALPHABET[usize::from(byte & 31)]));
        let slug = format!("{stem}-{}", suffix.collect::<String>());
        debug_assert!(slug.len() <= limits::SLUG_LENGTH_MAX);
        slug
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::usecases::validate::slug as valid_slug;
    use proptest::prelude::*;

    #[test]
    fn table() {
        for (name, expected) in [
            ("Acme", "acme"),
            ("Acme, Inc.", "acme-inc"),
            ("  -- A  b --", "a-b"),
            ("42", "42"),
            ("日本", "tenant"),
            ("Ünder", "nder"),
            ("XN--test", "xn-test"),
            ("---", "tenant"),
        ] {
            assert_eq!(stem(name), expected, "{name}");
        }
        assert_eq!(stem(&"x".repeat(100)).len(), STEM_LENGTH_MAX);
    }

    proptest! {
        #[test]
        fn every_stem_is_a_slug(name in ".{0,120}") {
            prop_assert!(valid_slug(&stem(&name)).is_ok());
        }
    }
}

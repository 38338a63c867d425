//! A pattern and an event, parted by a line `---`. Shared by the fuzz target and the tests.

use tenantry_events::pattern::{Pattern, PatternSet};

/// Takes any bytes; must come back without a panic, in bounded time and memory.
pub fn pattern(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (pattern, event) = text.split_once("\n---\n").unwrap_or((&text, "{}"));
    let Ok(pattern) = pattern.parse::<Pattern>() else { return };
    let Ok(event) = serde_json::from_str(event) else { return };
    let matches = pattern.matches(&event);
    let mut set = PatternSet::new();
    set.insert((), pattern);
    assert_eq!(!set.matches(&event).is_empty(), matches, "the index finds what the pattern matches");
}

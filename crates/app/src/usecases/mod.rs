//! What callers ask for: one file per use case.

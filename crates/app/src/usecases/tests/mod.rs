//! Use cases over ports in memory.

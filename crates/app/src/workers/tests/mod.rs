//! Tests over several workers.

//! What tests of this and other crates share. Behind the feature `testing`; no part of the product.

pub mod jsonata_suite;

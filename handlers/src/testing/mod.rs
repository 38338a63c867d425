//! A world of fakes for the steps' tests: conditions and atomic commits are real, and it can break at every write.

mod clock;
mod stores;
mod world;

pub(crate) use clock::TestClock;
pub(crate) use stores::{Fault, Stores};
pub(crate) use world::{ServiceSpec, World, catalogue};

//! Every fault at every step, driven by the definitions: a workflow that is added is covered the day it is added.
//!
//! For each workflow: every Task run twice gives the same end; every forward Task failed for good leaves a clean slate;
//! every undo Task failed for good leaves the operation stuck at it, and a redrive reaches the clean slate once the
//! fault is lifted; a death around an append of the journal still reaches the end.
//!
//! The engine, the workers and the use cases are the real ones, driven by hand in one thread; the ports are those of a
//! [`World`], in memory or on AWS.

mod cells;
mod clean_slate;
mod faulty;
mod home;
mod scenario;
mod world;

pub use cells::{
    Deaths, a_death_around_an_append, every_forward_task_failed_for_good, every_task_run_twice,
    every_undo_task_failed_for_good,
};
pub use scenario::{Scenario, scenarios};
pub use world::{MemoryWorld, World};

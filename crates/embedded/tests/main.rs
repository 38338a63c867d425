//! The adapter's own tests, and the ports' contract suites run on it. One binary, so that it links once.

mod contracts;
mod folder;
mod home;
mod journal;
mod journal_faults;
mod messaging;
mod queue_model;
mod sealed_bodies;
mod store;
mod support;
mod workflows;

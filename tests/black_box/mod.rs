//! The real binary, from outside.

mod bad_input;
mod cli;
mod demo;
mod durability;
mod idempotency;
mod lifecycle;
mod scenarios;
mod secrets;
mod start;
mod step_functions;
mod storm;
mod workflow;

//! The ports on AWS, against the emulator.

mod bootstrap;
mod canned;
mod functions;
mod messaging;
mod secrets;
mod state_machines;
mod store;
mod support;

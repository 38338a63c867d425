//! The ports on AWS, against the emulator.

mod bootstrap;
mod canned;
mod drift;
mod functions;
mod messaging;
mod saga;
mod secrets;
mod state_machines;
mod proxy;
mod store;
mod store_faults;
mod support;

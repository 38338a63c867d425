//! The ports on AWS, against the emulator.

mod bootstrap;
mod canned;
mod drift;
mod faulty;
mod functions;
mod messaging;
mod proxy;
mod saga;
mod secrets;
mod state_machines;
mod store;
mod store_faults;
mod support;

//! The ports on AWS, against the emulator.

mod store;
mod support;

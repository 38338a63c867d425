//! The ports on AWS, against the emulator.

//! The deployed stack under the emulator.

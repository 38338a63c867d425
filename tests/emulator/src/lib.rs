//! An AWS emulator on loopback.

//! The deployed stack: each case on an emulator of its own that continues from the state to which the stack was applied.
#![allow(unreachable_pub, reason = "modules of one test binary; nothing is reachable from outside")]

mod crash;
mod destroy;
mod failure;
mod homes;
mod machines;
mod permissions;
mod poison;
mod redelivery;
mod terraform;

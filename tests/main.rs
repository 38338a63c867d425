//! The proof: everything that is shown from outside, in one binary.
#![allow(unreachable_pub, reason = "modules of one test binary; nothing is reachable from outside")]

mod black_box;
mod fuzz_bounded;
mod saga;
mod support;
mod tidy;
mod wire;

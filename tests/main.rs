//! The proof: everything that is shown from outside, in one binary.

mod black_box;
mod saga;
mod support;
mod tidy;

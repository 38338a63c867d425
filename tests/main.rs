//! The proof: everything that is shown from outside, in one binary.

mod black_box;
mod support;
mod tidy;

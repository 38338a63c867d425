//! JSONata 2.0.6, interpreted within bounds: every value that lives is counted, every step costs fuel, and nothing
//! reads a clock or chance of its own.
//!
//! What an expression means follows jsonata-js 2.0.6, whose official suite it is measured by; what a picture of a number
//! or a date means is left to `jsonata-core` ([`functions`]).

mod apply;
pub(super) mod ast;
pub(super) mod convert;
mod error;
mod eval;
mod function;
mod functions;
mod lexer;
mod meter;
mod object;
mod operators;
mod parser;
mod path;
mod regex;
mod resolve;
mod signature;
mod text;
mod value;

pub(super) use error::Thrown;
pub(super) use eval::{Evaluation, Host};
pub(super) use functions::Dialect;
pub(super) use meter::Limits;
pub(super) use resolve::compile;
pub(super) use value::Value;

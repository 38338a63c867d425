//! Tenantry: the composition root. [`node`] puts one machine's home together; [`cli`] is the command line.

pub mod cli;
pub mod demo;
pub mod demo_service;
pub mod dry_run;
pub mod invoker;
mod listener;
pub mod logging;
pub mod node;
pub mod stepfunctions;
pub mod tls;

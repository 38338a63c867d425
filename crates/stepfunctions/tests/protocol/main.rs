//! The protocol over an engine whose journal, clock and chance are in memory.

mod activities;
mod aliases;
mod deletion;
mod executions;
mod http;
mod logs;
mod machines;
mod map_runs;
mod registry;
mod states_alone;
mod support;
mod tags;
mod versions;

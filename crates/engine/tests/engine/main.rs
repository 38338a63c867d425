//! The engine, from outside: over a journal that loses what was not synced, a clock that only moves when told, and a
//! world that watches.

mod activities;
mod bench;
mod children;
mod deaths;
mod documents;
mod durability;
mod ends;
mod faults;
mod launches;
mod machines;
mod map_runs;
mod map_views;
mod reads;
mod recovery;
mod starts;
mod stress;
mod timers;
mod tokens;

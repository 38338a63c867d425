//! What readers, batches and writers do.

mod batches;
mod readers;
mod writers;

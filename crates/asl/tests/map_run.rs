//! Distributed Maps over `step` alone: every child is an execution of its own, as a runtime would run it.

mod map_run {
    pub(crate) mod batches;
    pub(crate) mod ends;
    pub(crate) mod history;
    pub(crate) mod models;
    pub(crate) mod readers;
    pub(crate) mod recorded;
    pub(crate) mod redrive;
    pub(crate) mod tolerated;
    pub(crate) mod world;
    pub(crate) mod writers;
}

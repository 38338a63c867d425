//! What `step` does, by behaviour.

mod step {
    pub(crate) mod choices;
    pub(crate) mod fan;
    pub(crate) mod journal;
    pub(crate) mod limits;
    pub(crate) mod paths;
    pub(crate) mod redrive;
    pub(crate) mod resources;
    pub(crate) mod retry;
    pub(crate) mod states;
    pub(crate) mod tasks;
    pub(crate) mod waits;
}
mod support;

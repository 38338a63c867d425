//! One commit, carried through.

use super::App;
use std::time::Duration;
use tenantry_core::ports::{Action, Commit, CommitError, PortError};
use tenantry_core::{Error, ErrorCode};

/// Tries of one commit: conflicts last milliseconds, and an unknown outcome is asked for again.
const TRIES: u32 = 6;

impl App {
    /// Commits `actions`. A conflict and an unknown outcome are tried again under one request token, so that the
    /// effect happens once; a condition that fails is answered at once.
    pub(super) async fn commit(&self, actions: Vec<Action>) -> Result<(), CommitError> {
        let commit = Commit { actions, request_token: Some(self.ports.ids.next().to_string()) };
        let mut tried = 0;
        loop {
            tried += 1;
            let error = match self.ports.table.commit(commit.clone()).await {
                Ok(()) => return Ok(()),
                Err(error) => error,
            };
            let again =
                matches!(error, CommitError::Conflict | CommitError::Port(PortError::Unavailable { .. }));
            if !again || tried == TRIES {
                return Err(error);
            }
            tracing::debug!(tried, %error, "the commit is tried again");
            let pause = Duration::from_millis(5 << tried);
            self.ports.clock.sleep_until(self.now().saturating_add(pause)).await;
        }
    }
}

/// The answer to a commit that failed for no reason that its use case knows.
pub(super) fn refused(error: CommitError) -> Error {
    match error {
        CommitError::ConditionFailed { .. } | CommitError::Conflict => contention().with_source(error),
        CommitError::Port(error) => error.into(),
    }
}

/// The answer where a write lost every race.
pub(super) fn contention() -> Error {
    Error::new(
        ErrorCode::Contention,
        "Others changed the same record at the same time, and this request lost every try. Nothing was changed; send \
         it again.",
    )
}

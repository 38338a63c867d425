//! A port of which the function was not given the name: each call answers which variable is missing.

use crate::bus::Publisher;
use crate::deployment::MissingVariable;
use serde_json::Value;
use std::time::Duration;
use tenantry_core::keys::Key;
use tenantry_core::ports::{
    BlobPage, Blobs, BusEvent, Commit, CommitError, DataKeys, Execution, ExecutionFilter, ExecutionPage,
    HistoryPage, Item, KeyPurpose, Message, OutgoingMessage, Page, PortError, Query, Queue, QueueDepth,
    Secret, StartOutcome, Table, Vault, WorkflowError, Workflows,
};
use tenantry_core::{BoxFuture, ExecutionId, MessageId, TenantId};

/// A port that is not there.
pub(super) struct Absent {
    pub(super) port: &'static str,
    pub(super) reason: String,
}

impl Absent {
    pub(super) fn new(port: &'static str, missing: MissingVariable) -> Self {
        Self { port, reason: missing.to_string() }
    }

    fn answer<T, E: From<PortError> + Send + 'static>(&self) -> BoxFuture<'static, Result<T, E>> {
        let error = PortError::Refused { port: self.port, message: self.reason.clone() };
        Box::pin(async move { Err(error.into()) })
    }
}

impl Table for Absent {
    fn get<'a>(&'a self, _: &'a Key) -> BoxFuture<'a, Result<Option<Item>, PortError>> {
        self.answer()
    }

    fn query(&self, _: Query) -> BoxFuture<'_, Result<Page, PortError>> {
        self.answer()
    }

    fn commit(&self, _: Commit) -> BoxFuture<'_, Result<(), CommitError>> {
        self.answer()
    }
}

impl Queue for Absent {
    fn send(&self, _: Vec<OutgoingMessage>) -> BoxFuture<'_, Result<Vec<MessageId>, PortError>> {
        self.answer()
    }

    fn receive(&self, _: usize, _: Duration, _: Duration) -> BoxFuture<'_, Result<Vec<Message>, PortError>> {
        self.answer()
    }

    fn delete<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<(), PortError>> {
        self.answer()
    }

    fn extend<'a>(&'a self, _: &'a str, _: Duration) -> BoxFuture<'a, Result<(), PortError>> {
        self.answer()
    }

    fn depth(&self) -> BoxFuture<'_, Result<QueueDepth, PortError>> {
        self.answer()
    }
}

impl Publisher for Absent {
    fn put<'a>(&'a self, _: &'a [BusEvent]) -> BoxFuture<'a, Result<(), PortError>> {
        self.answer()
    }
}

impl Vault for Absent {
    fn store<'a>(&'a self, _: &'a str, _: Secret) -> BoxFuture<'a, Result<(), PortError>> {
        self.answer()
    }

    fn resolve<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<Secret, PortError>> {
        self.answer()
    }

    fn rotate<'a>(&'a self, _: &'a str, _: Secret) -> BoxFuture<'a, Result<(), PortError>> {
        self.answer()
    }

    fn delete<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<(), PortError>> {
        self.answer()
    }
}

impl DataKeys for Absent {
    fn create<'a>(&'a self, _: &'a TenantId, _: KeyPurpose) -> BoxFuture<'a, Result<(), PortError>> {
        self.answer()
    }

    fn seal<'a>(
        &'a self,
        _: &'a TenantId,
        _: KeyPurpose,
        _: &'a str,
        _: &'a [u8],
    ) -> BoxFuture<'a, Result<Vec<u8>, PortError>> {
        self.answer()
    }

    fn open<'a>(
        &'a self,
        _: &'a TenantId,
        _: KeyPurpose,
        _: &'a str,
        _: &'a [u8],
    ) -> BoxFuture<'a, Result<Vec<u8>, PortError>> {
        self.answer()
    }

    fn exists<'a>(&'a self, _: &'a TenantId, _: KeyPurpose) -> BoxFuture<'a, Result<bool, PortError>> {
        self.answer()
    }

    fn destroy<'a>(&'a self, _: &'a TenantId, _: KeyPurpose) -> BoxFuture<'a, Result<(), PortError>> {
        self.answer()
    }
}

impl Workflows for Absent {
    fn start<'a>(
        &'a self,
        _: &'a ExecutionId,
        _: Value,
    ) -> BoxFuture<'a, Result<StartOutcome, WorkflowError>> {
        self.answer()
    }

    fn describe<'a>(&'a self, _: &'a ExecutionId) -> BoxFuture<'a, Result<Execution, WorkflowError>> {
        self.answer()
    }

    fn list(
        &self,
        _: ExecutionFilter,
        _: Option<String>,
        _: usize,
    ) -> BoxFuture<'_, Result<ExecutionPage, WorkflowError>> {
        self.answer()
    }

    fn history<'a>(
        &'a self,
        _: &'a ExecutionId,
        _: Option<u64>,
        _: bool,
        _: usize,
    ) -> BoxFuture<'a, Result<HistoryPage, WorkflowError>> {
        self.answer()
    }

    fn stop<'a>(
        &'a self,
        _: &'a ExecutionId,
        _: Option<String>,
        _: Option<String>,
    ) -> BoxFuture<'a, Result<(), WorkflowError>> {
        self.answer()
    }

    fn redrive<'a>(&'a self, _: &'a ExecutionId) -> BoxFuture<'a, Result<(), WorkflowError>> {
        self.answer()
    }
}

impl Blobs for Absent {
    fn put<'a>(&'a self, _: &'a str, _: Vec<u8>) -> BoxFuture<'a, Result<(), PortError>> {
        self.answer()
    }

    fn get<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<Option<Vec<u8>>, PortError>> {
        self.answer()
    }

    fn list<'a>(
        &'a self,
        _: &'a str,
        _: Option<String>,
        _: usize,
    ) -> BoxFuture<'a, Result<BlobPage, PortError>> {
        self.answer()
    }

    fn delete<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<(), PortError>> {
        self.answer()
    }
}

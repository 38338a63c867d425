//! Envelopes: keys that lie in the table wrapped by the one KMS key, and for a short while unwrapped in memory.
//!
//! **Invariant.** A row is read, consistently, before its key is used, each time; memory only spares the call that
//! unwraps it. So a key whose row is gone seals and opens nothing from then on, in whatever process, and a key that was
//! made anew is never mistaken for the old one. The read costs one read unit, a twentieth of a KMS call.

use crate::Clients;
use crate::call::{Calls, Failure, Repeat, failure, port_error};
use aws_sdk_kms::types::DataKeySpec;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::Blob;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};
use std::sync::Arc;
use std::time::Duration;
use tenantry_core::Timestamp;
use tenantry_core::keys::Key;
use tenantry_core::ports::{Action, Commit, CommitError, Item, PortError, Table};
use tenantry_seal::{KeyCache, SealingKey, key_bytes};
use zeroize::Zeroizing;

/// How long a key may lie unwrapped in memory. What KMS is told (a key disabled, a permission withdrawn) is true in every
/// process after this time.
pub(crate) const UNWRAPPED_SECONDS_MAX: u64 = 300;

/// Keys of each of the two generations of those in memory.
const GENERATION_KEYS_MAX: usize = 512;

/// The row's attribute that holds the wrapped key, in Base64.
const WRAPPED: &str = "wrapped";

/// Where a key lies, and the encryption context without which KMS does not unwrap it.
pub(crate) struct Place<'a> {
    pub(crate) row: Key,
    pub(crate) context: &'a [(&'a str, &'a str)],
    /// For messages: `data key of tnt_…`.
    pub(crate) what: String,
}

/// Which key it is: a hash of it as it lies wrapped. A key that was destroyed and made anew is another one.
pub(crate) type KeyMark = [u8; 32];

/// A key that its row holds now.
#[derive(Debug, Clone)]
pub(crate) struct CurrentKey {
    pub(crate) key: SealingKey,
    pub(crate) mark: KeyMark,
}

/// A key in memory.
#[derive(Clone)]
struct Unwrapped {
    current: CurrentKey,
    until: Timestamp,
}

/// The keys of the table.
pub(crate) struct Keyring {
    port: &'static str,
    clients: Arc<Clients>,
    calls: Calls,
    table: Arc<dyn Table>,
    kms_key: String,
    memory: KeyCache<Key, Unwrapped>,
}

impl Keyring {
    pub(crate) fn new(
        port: &'static str,
        clients: Arc<Clients>,
        calls: Calls,
        table: Arc<dyn Table>,
        kms_key: String,
    ) -> Self {
        Self { port, clients, calls, table, kms_key, memory: KeyCache::new(GENERATION_KEYS_MAX) }
    }

    pub(crate) fn calls(&self) -> &Calls {
        &self.calls
    }

    /// The key that lies there now, or `None`.
    pub(crate) async fn find(&self, place: &Place<'_>) -> Result<Option<CurrentKey>, PortError> {
        // Before the row is read: what is destroyed from here on must not be kept.
        let epoch = self.memory.epoch();
        let Some(wrapped) = self.wrapped(place).await? else {
            self.memory.destroy(&place.row);
            return Ok(None);
        };
        let (mark, now) = (mark_of(&wrapped), self.calls.clock().now());
        if let Some(kept) = self.memory.get(&place.row)
            && kept.current.mark == mark
            && kept.until > now
        {
            return Ok(Some(kept.current));
        }
        let current = CurrentKey { key: self.unwrap(place, wrapped).await?, mark };
        self.keep(place, &current, epoch);
        Ok(Some(current))
    }

    /// The key that lies there; made where there is none. Where several make it at once, the first one is everybody's.
    pub(crate) async fn find_or_make(&self, place: &Place<'_>) -> Result<CurrentKey, PortError> {
        for _ in 0..RACES_MAX {
            if let Some(key) = self.find(place).await? {
                return Ok(key);
            }
            self.make(place).await?;
        }
        Err(self.unavailable(format!("the {} is being made and destroyed all the time", place.what)))
    }

    /// Whether a key lies there.
    pub(crate) async fn exists(&self, place: &Place<'_>) -> Result<bool, PortError> {
        Ok(self.wrapped(place).await?.is_some())
    }

    /// Makes the key where there is none.
    pub(crate) async fn create(&self, place: &Place<'_>) -> Result<(), PortError> {
        if self.exists(place).await? { Ok(()) } else { self.make(place).await }
    }

    /// Removes the key's row, and the key from this process' memory.
    pub(crate) async fn destroy(&self, place: &Place<'_>) -> Result<(), PortError> {
        let delete = Action::Delete { key: place.row.clone(), conditions: Vec::new() };
        let deleted = self.table.commit(Commit::of(vec![delete])).await;
        self.memory.destroy(&place.row);
        deleted.map_err(|error| self.commit_failed(place, error))
    }

    async fn wrapped(&self, place: &Place<'_>) -> Result<Option<Vec<u8>>, PortError> {
        let Some(item) = self.table.get(&place.row).await? else { return Ok(None) };
        let text = item.attributes.get(WRAPPED).and_then(Value::as_str);
        let bytes = text.and_then(|text| STANDARD.decode(text).ok());
        bytes.map(Some).ok_or_else(|| self.damaged(place))
    }

    async fn unwrap(&self, place: &Place<'_>, wrapped: Vec<u8>) -> Result<SealingKey, PortError> {
        let wrapped = Blob::new(wrapped);
        let decrypt = || {
            let mut call =
                self.clients.kms().decrypt().key_id(&self.kms_key).ciphertext_blob(wrapped.clone());
            for (name, value) in place.context {
                call = call.encryption_context(*name, *value);
            }
            Box::pin(call.send())
        };
        let answer = self.calls.send(Repeat::Safe, decrypt).await;
        let answer = answer.map_err(|error| match code(&error) {
            // Altered, or the row of another tenant or purpose, or wrapped by another KMS key.
            Some("InvalidCiphertextException" | "IncorrectKeyException") => self.damaged(place),
            _ => self.kms_failed("Decrypt", &error),
        })?;
        let plain = answer.plaintext.map(|plain| Zeroizing::new(plain.into_inner()));
        let bytes = plain.and_then(|plain| key_bytes(&plain)).ok_or_else(|| self.damaged(place))?;
        Ok(SealingKey::new(&bytes))
    }

    /// Makes a key, and writes its row where there is none; that somebody else's is there by then is no error.
    async fn make(&self, place: &Place<'_>) -> Result<(), PortError> {
        let epoch = self.memory.epoch();
        let generate = || {
            let mut call =
                self.clients.kms().generate_data_key().key_id(&self.kms_key).key_spec(DataKeySpec::Aes256);
            for (name, value) in place.context {
                call = call.encryption_context(*name, *value);
            }
            Box::pin(call.send())
        };
        let made = self.calls.send(Repeat::Safe, generate).await;
        let made = made.map_err(|error| self.kms_failed("GenerateDataKey", &error))?;
        let plain = made.plaintext.map(|plain| Zeroizing::new(plain.into_inner()));
        let bytes = plain.and_then(|plain| key_bytes(&plain));
        let (Some(bytes), Some(wrapped)) = (bytes, made.ciphertext_blob.map(Blob::into_inner)) else {
            return Err(self.unavailable("GenerateDataKey: the answer holds no key".to_owned()));
        };
        let mut row = Map::new();
        row.insert(WRAPPED.to_owned(), Value::String(STANDARD.encode(&wrapped)));
        row.insert("createdAt".to_owned(), Value::String(self.calls.clock().now().to_string()));
        let commit = Commit::of(vec![Action::create(Item::new(place.row.clone(), row))]);
        match self.table.commit(commit).await {
            Ok(()) => {
                let current = CurrentKey { key: SealingKey::new(&bytes), mark: mark_of(&wrapped) };
                self.keep(place, &current, epoch);
                Ok(())
            }
            Err(CommitError::ConditionFailed { .. }) => Ok(()),
            Err(error) => Err(self.commit_failed(place, error)),
        }
    }

    fn keep(&self, place: &Place<'_>, current: &CurrentKey, epoch: tenantry_seal::Epoch) {
        let now = self.calls.clock().now();
        self.memory.retain(|kept| kept.until > now);
        let until = now.saturating_add(Duration::from_secs(UNWRAPPED_SECONDS_MAX));
        self.memory.put(place.row.clone(), Unwrapped { current: current.clone(), until }, epoch);
    }

    /// KMS said no. A key that is disabled or about to be deleted may yet come back: nothing is lost until then.
    fn kms_failed<E>(&self, operation: &'static str, error: &SdkError<E, HttpResponse>) -> PortError
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        match port_error(self.port, operation, error) {
            PortError::Refused { port, message }
                if matches!(code(error), Some("DisabledException" | "KMSInvalidStateException")) =>
            {
                PortError::Unavailable { port, message }
            }
            error => error,
        }
    }

    fn commit_failed(&self, place: &Place<'_>, error: CommitError) -> PortError {
        match error {
            CommitError::Port(error) => error,
            CommitError::Conflict | CommitError::ConditionFailed { .. } => {
                self.unavailable(format!("{}: {error}", place.what))
            }
        }
    }

    fn unavailable(&self, message: String) -> PortError {
        PortError::Unavailable { port: self.port, message }
    }

    fn damaged(&self, place: &Place<'_>) -> PortError {
        PortError::Damaged { port: self.port, message: format!("the row of the {}", place.what) }
    }
}

/// Tries to find or make a key that others destroy meanwhile.
const RACES_MAX: usize = 3;

fn mark_of(wrapped: &[u8]) -> KeyMark {
    Sha256::digest(wrapped).into()
}

fn code<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> Option<&str> {
    match (failure(error), error) {
        (Failure::Throttled, _) => None,
        (_, SdkError::ServiceError(service)) => service.err().code(),
        _ => None,
    }
}

//! Large objects, in one S3 bucket.

use crate::Clients;
use crate::call::{Calls, Repeat, port_error};
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{ChecksumAlgorithm, ChecksumMode, Object};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_types::body::SdkBody;
use std::sync::Arc;
use tenantry_core::ports::{Blob, BlobPage, Blobs, PortError};
use tenantry_core::{BoxFuture, Timestamp, limits};

const PORT: &str = "blobs";

/// The blobs of one bucket.
///
/// **To be allowed**: `s3:ListBucket` too, without which S3 calls a missing object forbidden.
#[derive(Clone)]
pub struct AwsBlobs {
    clients: Arc<Clients>,
    calls: Calls,
    bucket: String,
}

impl std::fmt::Debug for AwsBlobs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AwsBlobs").field("bucket", &self.bucket).finish_non_exhaustive()
    }
}

impl AwsBlobs {
    /// The blobs of the bucket of that name.
    pub fn new(clients: Arc<Clients>, calls: Calls, bucket: impl Into<String>) -> Self {
        Self { clients, calls, bucket: bucket.into() }
    }

    fn failed<E>(&self, operation: &'static str, error: &SdkError<E, HttpResponse>) -> PortError
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        match error.code() {
            Some("NoSuchBucket") => {
                PortError::NotFound { port: PORT, what: format!("S3 bucket {:?}", self.bucket) }
            }
            _ => port_error(PORT, operation, error),
        }
    }

    async fn write(&self, key: &str, bytes: Vec<u8>) -> Result<(), PortError> {
        Blob::check_key(key)?;
        let body = SdkBody::from(bytes);
        let put = || {
            let request = self.clients.s3().put_object().bucket(&self.bucket).key(key);
            // S3 refuses what arrives otherwise than it was sent, and keeps the sum beside the object.
            let request = request.checksum_algorithm(ChecksumAlgorithm::Sha256);
            // Bytes in memory can always be shared by another attempt.
            request.body(ByteStream::new(body.try_clone().unwrap_or_else(SdkBody::taken))).send()
        };
        let sent = Box::pin(self.calls.send(Repeat::Safe, put)).await;
        sent.map(drop).map_err(|error| self.failed("put", &error))
    }

    async fn read(&self, key: &str) -> Result<Option<Vec<u8>>, PortError> {
        Blob::check_key(key)?;
        let request = self.clients.s3().get_object().bucket(&self.bucket).key(key);
        let request = request.checksum_mode(ChecksumMode::Enabled);
        match self.calls.send(Repeat::Safe, || request.clone().send()).await {
            Ok(answer) => {
                let body = answer.body.collect().await.map_err(|error| PortError::Unavailable {
                    port: PORT,
                    message: format!("get: the object's bytes broke off: {error}"),
                })?;
                Ok(Some(body.to_vec()))
            }
            Err(error) if error.code() == Some("NoSuchKey") => Ok(None),
            Err(error) => Err(self.failed("get", &error)),
        }
    }

    async fn page(&self, prefix: &str, after: Option<String>, limit: usize) -> Result<BlobPage, PortError> {
        Blob::check_prefix(prefix)?;
        let limit = limit.clamp(1, limits::PAGE_ITEMS_MAX);
        let request = self.clients.s3().list_objects_v2().bucket(&self.bucket);
        let request = request
            .set_prefix((!prefix.is_empty()).then(|| prefix.to_owned()))
            .set_start_after(after)
            .max_keys(i32::try_from(limit).unwrap_or(i32::MAX));
        let answer = self.calls.send(Repeat::Safe, || request.clone().send()).await;
        let answer = answer.map_err(|error| self.failed("list", &error))?;
        let more = answer.is_truncated.unwrap_or(false);
        let items: Vec<Blob> = answer.contents.unwrap_or_default().into_iter().map(blob).collect();
        let next = items.last().filter(|_| more).map(|blob| blob.key.clone());
        Ok(BlobPage { items, next })
    }

    async fn remove(&self, key: &str) -> Result<(), PortError> {
        Blob::check_key(key)?;
        let request = self.clients.s3().delete_object().bucket(&self.bucket).key(key);
        let sent = self.calls.send(Repeat::Safe, || request.clone().send()).await;
        sent.map(drop).map_err(|error| self.failed("delete", &error))
    }
}

fn blob(object: Object) -> Blob {
    let millis = object.last_modified.and_then(|at| at.to_millis().ok());
    Blob {
        key: object.key.unwrap_or_default(),
        bytes: object.size.and_then(|size| u64::try_from(size).ok()).unwrap_or(0),
        modified_at: Timestamp::from_millis(millis.unwrap_or(0)),
    }
}

impl Blobs for AwsBlobs {
    fn put<'a>(&'a self, key: &'a str, bytes: Vec<u8>) -> BoxFuture<'a, Result<(), PortError>> {
        Box::pin(self.write(key, bytes))
    }

    fn get<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Vec<u8>>, PortError>> {
        Box::pin(self.read(key))
    }

    fn list<'a>(
        &'a self,
        prefix: &'a str,
        after: Option<String>,
        limit: usize,
    ) -> BoxFuture<'a, Result<BlobPage, PortError>> {
        Box::pin(self.page(prefix, after, limit))
    }

    fn delete<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<(), PortError>> {
        Box::pin(self.remove(key))
    }
}

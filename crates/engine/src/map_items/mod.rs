//! A distributed Map's items and results: read from and written to the [`Blobs`] port. What the bytes mean is
//! [`tenantry_asl::items`].
//!
//! A bucket is the first segment of a blob's key, an object's key is the rest ([`blob_key`]).

mod keys;
#[cfg(test)]
mod tests;

pub use keys::blob_key;

use crate::invoker::TaskFailure;
use keys::object_key;
use serde_json::Value;
use std::sync::Arc;
use tenantry_asl::items::{
    self, ITEMS_BYTES_MAX, ITEMS_MAX, Items, ItemsError, Listed, ReaderRequest, Reading, ResultFiles, Source,
    WriterRequest,
};
use tenantry_asl::{ExecutionState, PendingTask, errors};
use tenantry_core::ports::{Blob, Blobs, PortError};

/// Objects of more bytes are read on a thread of their own.
const LARGE_BYTES: usize = 64 * 1024;

/// Objects asked for at once in a listing.
const PAGE: usize = 1_000;

/// Reads the items that a [`tenantry_asl::TaskKind::ReadItems`] task asks for: its answer.
///
/// # Errors
/// `States.ItemReaderFailed`, saying what cannot be read and why.
pub(crate) async fn read(blobs: Option<Arc<dyn Blobs>>, arguments: &Value) -> Result<Value, TaskFailure> {
    let outcome = async {
        let request = ReaderRequest::from_value(arguments)?;
        let source = request.source()?;
        let blobs = blobs.ok_or_else(|| no_objects("read"))?;
        read_source(&*blobs, request, source).await
    };
    outcome.await.map(Items::into_value).map_err(|error| failure(errors::ITEM_READER_FAILED, error))
}

/// The files that a [`tenantry_asl::TaskKind::WriteResults`] task writes.
///
/// # Errors
/// `States.ResultWriterFailed`.
pub(crate) fn results(state: &ExecutionState, task: &PendingTask) -> Result<ResultFiles, TaskFailure> {
    let request = serde_json::from_value::<WriterRequest>(Value::clone(&task.arguments))
        .map_err(|problem| ItemsError(format!("The ResultWriter's request is malformed: {problem}")));
    let files =
        request.and_then(|request| items::result_files(&request, state.map_results(task.id).into_iter()));
    files.map_err(|error| failure(errors::RESULT_WRITER_FAILED, error))
}

/// Writes files; the Map state's result. The manifest comes last, so that whoever finds it finds the others.
///
/// # Errors
/// `States.ResultWriterFailed`.
pub(crate) async fn write(
    blobs: Option<Arc<dyn Blobs>>,
    files: Result<ResultFiles, TaskFailure>,
) -> Result<Value, TaskFailure> {
    let ResultFiles { bucket, files, result } = files?;
    let outcome = async {
        let blobs = blobs.ok_or_else(|| no_objects("written"))?;
        for file in files {
            let put = blobs.put(&blob_key(&bucket, &file.key), file.bytes).await;
            put.map_err(|error| told("written", &bucket, &file.key, &error))?;
        }
        Ok(result)
    };
    outcome.await.map_err(|error| failure(errors::RESULT_WRITER_FAILED, error))
}

fn failure(error: &str, cause: ItemsError) -> TaskFailure {
    TaskFailure { error: error.to_owned(), cause: Some(cause.0) }
}

fn no_objects(done: &str) -> ItemsError {
    ItemsError(format!("No objects can be {done} here: the runtime was started without a store of objects."))
}

fn told(done: &str, bucket: &str, key: &str, error: &PortError) -> ItemsError {
    ItemsError(format!("The object s3://{bucket}/{key} cannot be {done}: {error}"))
}

async fn read_source(blobs: &dyn Blobs, request: ReaderRequest, source: Source) -> Result<Items, ItemsError> {
    let request = Arc::new(request);
    let reading = Reading::new(&request);
    match source {
        Source::Object { bucket, key } => {
            let whole = get(blobs, &bucket, &key).await?;
            let from = format!("S3://{bucket}/{key}");
            let reading = read_object(blobs, &request, reading, whole).await?;
            Ok(reading.finish(from))
        }
        Source::Listing { bucket, prefix, start_after } => {
            let listed = list(blobs, &bucket, &prefix, start_after.as_deref(), &request).await?;
            let from = format!("S3://{bucket}");
            if !request.load_and_flatten {
                let mut reading = reading;
                items::listing(&listed, &mut reading)?;
                return Ok(reading.finish(from));
            }
            let mut reading = reading;
            for object in listed.iter().filter(|object| object.bytes > 0) {
                if reading.is_full() {
                    break;
                }
                let whole = get(blobs, &bucket, &object.key).await?;
                reading = parse(&request, reading, whole, &object.key).await?;
            }
            Ok(reading.finish(from))
        }
    }
}

/// One object's items, or those of the objects that it names.
async fn read_object(
    blobs: &dyn Blobs,
    request: &Arc<ReaderRequest>,
    mut reading: Reading,
    whole: Vec<u8>,
) -> Result<Reading, ItemsError> {
    let Some(manifest) = items::manifest(request, &whole)? else {
        return parse(request, reading, whole, "").await;
    };
    let manifest = Arc::new(manifest);
    for (bucket, key) in &manifest.files {
        if reading.is_full() {
            break;
        }
        let bytes = get(blobs, bucket, key).await?;
        let (its, of) = (Arc::clone(&manifest), Arc::clone(request));
        reading = apart(reading, bytes.len(), move |reading| its.read(&of, &bytes, reading))
            .await
            .map_err(|error| ItemsError(format!("s3://{bucket}/{key}: {error}")))?;
    }
    Ok(reading)
}

/// `key`: the object, where there are several.
async fn parse(
    request: &Arc<ReaderRequest>,
    reading: Reading,
    bytes: Vec<u8>,
    key: &str,
) -> Result<Reading, ItemsError> {
    let of = Arc::clone(request);
    let read = apart(reading, bytes.len(), move |reading| reading.read(&of, &bytes)).await;
    read.map_err(|error| if key.is_empty() { error } else { ItemsError(format!("{key}: {error}")) })
}

/// Large objects take their time: not on a thread that others wait for.
async fn apart(
    mut reading: Reading,
    length: usize,
    work: impl FnOnce(&mut Reading) -> Result<(), ItemsError> + Send + 'static,
) -> Result<Reading, ItemsError> {
    if length <= LARGE_BYTES {
        return work(&mut reading).map(|()| reading);
    }
    let done = tokio::task::spawn_blocking(move || work(&mut reading).map(|()| reading)).await;
    done.unwrap_or_else(|_| Err(ItemsError("The reader was cut off.".to_owned())))
}

async fn get(blobs: &dyn Blobs, bucket: &str, key: &str) -> Result<Vec<u8>, ItemsError> {
    let read = blobs.get(&blob_key(bucket, key)).await;
    match read.map_err(|error| told("read", bucket, key, &error))? {
        Some(bytes) => Ok(bytes),
        None => Err(ItemsError(format!("The specified key does not exist: s3://{bucket}/{key}"))),
    }
}

/// The objects under a prefix, in the order of their keys.
async fn list(
    blobs: &dyn Blobs,
    bucket: &str,
    prefix: &str,
    start_after: Option<&str>,
    request: &ReaderRequest,
) -> Result<Vec<Listed>, ItemsError> {
    // A port's prefix ends where a segment does; the rest of the prefix is compared here.
    let folder = prefix.rsplit_once('/').map_or("", |(folder, _)| folder);
    let under =
        if folder.is_empty() { blob_key(bucket, "") } else { format!("{}/", blob_key(bucket, folder)) };
    let mut listed = Vec::new();
    let mut after = None;
    loop {
        let page =
            blobs.list(&under, after, PAGE).await.map_err(|error| told("listed", bucket, prefix, &error))?;
        listed.extend(page.items.iter().filter_map(|blob| found(blob, bucket, prefix, start_after)));
        if listed.len() > ITEMS_MAX && request.max_items.is_none_or(|most| most == 0) {
            break;
        }
        match page.next {
            // A listing that MaxItems cuts is still put in order whole, so it is bounded, too.
            Some(next) if listed.len() <= ITEMS_BYTES_MAX / 1024 => after = Some(next),
            _ => break,
        }
    }
    listed.sort_unstable_by(|a: &Listed, b: &Listed| a.key.cmp(&b.key));
    Ok(listed)
}

fn found(blob: &Blob, bucket: &str, prefix: &str, start_after: Option<&str>) -> Option<Listed> {
    let (of, key) = object_key(&blob.key)?;
    let wanted =
        of == bucket && key.starts_with(prefix) && start_after.is_none_or(|after| key.as_str() > after);
    wanted.then(|| Listed {
        key,
        bytes: blob.bytes,
        modified_at_s: blob.modified_at.as_millis().div_euclid(1000),
    })
}

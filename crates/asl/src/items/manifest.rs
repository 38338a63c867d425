//! Manifests: objects that name the objects whose items are wanted.

use super::{Delimiter, Format, Headers, ItemsError, ManifestKind, ReaderRequest, Reading, gzip};
use serde::Deserialize;

/// The objects that a manifest names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// Bucket and key of each, in order.
    pub files: Vec<(String, String)>,
    format: Format,
    /// The columns of an inventory's files, which have no headers of their own.
    columns: Option<Vec<String>>,
}

/// An S3 inventory's manifest. <https://docs.aws.amazon.com/AmazonS3/latest/userguide/storage-inventory-location.html>
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Inventory {
    destination_bucket: String,
    file_format: String,
    #[serde(default)]
    file_schema: String,
    files: Vec<InventoryFile>,
}

#[derive(Deserialize)]
struct InventoryFile {
    key: String,
}

/// The manifest in an object's bytes; `None` where the request is for the object's own items.
///
/// # Errors
/// Where it is not of the kind that the request names.
pub fn manifest(request: &ReaderRequest, bytes: &[u8]) -> Result<Option<Manifest>, ItemsError> {
    match (request.manifest, request.input_type) {
        (Some(ManifestKind::AthenaData), format) => athena(format, bytes).map(Some),
        (Some(ManifestKind::S3Inventory), _) | (None, Some(Format::Manifest)) => inventory(bytes).map(Some),
        (None, _) => Ok(None),
    }
}

fn inventory(bytes: &[u8]) -> Result<Manifest, ItemsError> {
    let bytes = gzip::unpacked(bytes)?;
    let read: Inventory = serde_json::from_slice(&bytes).map_err(|problem| {
        ItemsError::new(format!("The object is no manifest of an S3 inventory: {problem}"))
    })?;
    let format = match read.file_format.to_ascii_uppercase().as_str() {
        "CSV" => Format::Csv,
        "PARQUET" => Format::Parquet,
        other => {
            return Err(ItemsError::new(format!(
                "Files of an S3 inventory in the format '{other}' cannot be read: CSV can."
            )));
        }
    };
    let bucket = read.destination_bucket.rsplit(':').next().unwrap_or_default().to_owned();
    let columns = read.file_schema.split(',').map(|column| column.trim().to_owned()).collect();
    let files = read.files.into_iter().map(|file| (bucket.clone(), file.key)).collect();
    Ok(Manifest { files, format, columns: Some(columns) })
}

fn athena(format: Option<Format>, bytes: &[u8]) -> Result<Manifest, ItemsError> {
    let bytes = gzip::unpacked(bytes)?;
    let text = std::str::from_utf8(&bytes)
        .map_err(|problem| ItemsError::new(format!("The manifest is not UTF-8 text: {problem}")))?;
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let files = lines.map(|line| {
        let address = line.trim_matches('"');
        let named = address.strip_prefix("s3://").and_then(|rest| rest.split_once('/'));
        match named {
            Some((bucket, key)) if !bucket.is_empty() && !key.is_empty() => {
                Ok((bucket.to_owned(), key.to_owned()))
            }
            _ => Err(ItemsError::new(format!(
                "The manifest's line '{address}' is no address of the form s3://bucket/key."
            ))),
        }
    });
    let format = format.filter(|format| *format != Format::Manifest).unwrap_or(Format::Csv);
    Ok(Manifest { files: files.collect::<Result<_, _>>()?, format, columns: None })
}

impl Manifest {
    /// Reads the items of one of its files.
    ///
    /// # Errors
    /// As [`Reading::read`].
    pub fn read(&self, request: &ReaderRequest, bytes: &[u8], into: &mut Reading) -> Result<(), ItemsError> {
        match &self.columns {
            Some(columns) => {
                let request = ReaderRequest {
                    headers: Headers::Given(columns.clone()),
                    delimiter: Delimiter::default(),
                    ..request.clone()
                };
                into.read_as(&request, self.format, bytes)
            }
            None => into.read_as(request, self.format, bytes),
        }
    }
}

//! Files of recordings: one JSON object a line. Their format is told by the fields, never by the name.

use serde_json::Value;
use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// A file's format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    /// Executions and API calls of Step Functions.
    Executions,
    /// EventBridge patterns and events.
    EventPatterns,
    /// The official JSONata suite.
    Jsonata,
    /// Definitions that linters call valid or not.
    ValidationFixtures,
    /// Definitions that must load.
    SampleDefinitions,
}

impl FileKind {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            FileKind::Executions => "executions and API calls",
            FileKind::EventPatterns => "event patterns",
            FileKind::Jsonata => "JSONata suite",
            FileKind::ValidationFixtures => "validation fixtures",
            FileKind::SampleDefinitions => "sample definitions",
        }
    }

    fn of(case: &Value) -> Option<FileKind> {
        let has = |names: &[&str]| names.iter().all(|name| case.get(name).is_some());
        if has(&["kind", "expected", "category"]) {
            Some(FileKind::Executions)
        } else if has(&["pattern", "event", "expect"]) {
            Some(FileKind::EventPatterns)
        } else if has(&["expr", "expect"]) {
            Some(FileKind::Jsonata)
        } else if has(&["definition", "valid"]) {
            Some(FileKind::ValidationFixtures)
        } else if has(&["definition", "name"]) {
            Some(FileKind::SampleDefinitions)
        } else {
            None
        }
    }
}

/// A file that was read.
#[derive(Debug)]
pub struct CaseFile {
    /// Its path, as given.
    pub path: PathBuf,
    /// Its format.
    pub kind: FileKind,
    /// SHA-256, in hex.
    pub digest: String,
    /// Its cases, and the line that each was read from.
    pub cases: Vec<(String, Value)>,
}

/// Why a file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It cannot be read.
    #[error("{path} cannot be read: {source}")]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A line is not JSON.
    #[error("{path}:{line} is not JSON: {source}; a file of recordings has one JSON object a line")]
    NotJson {
        /// Which file.
        path: PathBuf,
        /// Which line, from 1.
        line: usize,
        /// Why.
        source: serde_json::Error,
    },
    /// Its fields are those of no known format.
    #[error("{0} is in no known format: its first line has the fields of none")]
    UnknownFormat(PathBuf),
}

impl CaseFile {
    /// Reads a file.
    ///
    /// # Errors
    /// It cannot be read, or is in no known format.
    pub fn read(path: &Path) -> Result<CaseFile, FileError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| FileError::Unreadable { path: path.to_owned(), source })?;
        Self::parse(path, &text)
    }

    fn parse(path: &Path, text: &str) -> Result<CaseFile, FileError> {
        let mut cases = Vec::new();
        for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let case = serde_json::from_str(line);
            let case = case.or_else(|error| serde_json::from_str(&mended(line)).map_err(|_| error));
            let case: Value =
                case.map_err(|source| FileError::NotJson { path: path.to_owned(), line: index + 1, source })?;
            cases.push((line.to_owned(), case));
        }
        let kind = cases.first().and_then(|(_, case)| FileKind::of(case));
        let kind = kind.ok_or_else(|| FileError::UnknownFormat(path.to_owned()))?;
        let digest = Sha256::digest(text.as_bytes()).iter().fold(String::new(), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        });
        Ok(CaseFile { path: path.to_owned(), kind, digest, cases })
    }
}

/// Half of a surrogate pair alone is allowed in JSON, and is no character: it becomes the replacement character.
fn mended(line: &str) -> String {
    let unit = |at: usize| -> Option<u32> {
        let digits = line.get(at..at + 6)?.strip_prefix("\\u")?;
        u32::from_str_radix(digits, 16).ok()
    };
    let mut mended = String::with_capacity(line.len());
    let mut at = 0;
    while let Some(character) = line[at..].chars().next() {
        let (taken, text) = match (unit(at), unit(at + 6)) {
            (Some(0xd800..=0xdbff), Some(0xdc00..=0xdfff)) => (12, &line[at..at + 12]),
            (Some(0xd800..=0xdfff), _) => (6, "\\ufffd"),
            _ if line[at..].starts_with("\\\\") => (2, "\\\\"),
            _ => (character.len_utf8(), &line[at..at + character.len_utf8()]),
        };
        mended.push_str(text);
        at += taken;
    }
    mended
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_told_by_their_fields() {
        let kind = |line: &str| CaseFile::parse(Path::new("x"), line).map(|file| file.kind);
        let check = |line: &str, wanted: FileKind| assert_eq!(kind(line).unwrap(), wanted);
        check(r#"{"kind":"execution","category":"a","definition":"","expected":{}}"#, FileKind::Executions);
        check(r#"{"pattern":"{}","event":"{}","expect":"match"}"#, FileKind::EventPatterns);
        check(r#"{"expr":"1","expect":{}}"#, FileKind::Jsonata);
        check(r#"{"name":"a","definition":"{}","valid":true}"#, FileKind::ValidationFixtures);
        check(r#"{"name":"a","definition":{}}"#, FileKind::SampleDefinitions);
        assert!(matches!(kind(r#"{"a":1}"#), Err(FileError::UnknownFormat(_))));
        assert!(matches!(kind("{}\n{"), Err(FileError::NotJson { line: 2, .. })));
        assert!(matches!(kind(""), Err(FileError::UnknownFormat(_))));
        check(r#"{"expr":"\ud800 \ud83d\ude00 \\ud800","expect":{}}"#, FileKind::Jsonata);
        assert_eq!(mended(r"\ud800 \ud83d\ude00 \\ud800"), r"\ufffd \ud83d\ude00 \\ud800");
    }
}

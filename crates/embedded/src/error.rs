//! Why a data folder cannot be opened: each message says what is wrong and what to do.

use std::path::PathBuf;

/// Why a data folder was not opened. Nothing in it was changed, but for files that a first start makes.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A file or folder cannot be made, read or locked.
    #[error("cannot {action} {path}: {source}", path = path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system answered.
        source: std::io::Error,
    },
    /// Another process uses it.
    #[error(
        "the data folder {folder} is in use by {holder}: stop that one, or give this one a folder of its own",
        folder = folder.display()
    )]
    InUse {
        /// The folder.
        folder: PathBuf,
        /// `process <pid>`, as far as is known.
        holder: String,
    },
    /// A newer version wrote it.
    #[error(
        "the data folder was written by a newer version ({piece} has schema {found}, this version knows {known}): \
         start that version again, or a later one"
    )]
    Newer {
        /// The piece of the schema.
        piece: String,
        /// The version that is stored.
        found: i64,
        /// The newest that this program knows.
        known: i64,
    },
    /// The database file is not ours, or is damaged.
    #[error("{path} {problem}", path = path.display())]
    Database {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, and what to do.
        problem: String,
    },
    /// The master key is missing, malformed or readable by others.
    #[error("the master key {path} {problem}", path = path.display())]
    MasterKey {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, and what to do.
        problem: String,
    },
    /// The system gave no random bytes.
    #[error(transparent)]
    NoRandomness(#[from] tenantry_system::NoRandomness),
    /// The store answered with an error while its schema was prepared.
    #[error("cannot prepare the schema of {piece}: {message}")]
    Schema {
        /// The piece of the schema.
        piece: String,
        /// What SQLite answered.
        message: String,
    },
}

impl OpenError {
    pub(crate) fn io(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(std::io::Error) -> OpenError {
        let path = path.into();
        move |source| OpenError::Io { action, path, source }
    }
}

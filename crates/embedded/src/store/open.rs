//! Opening the database file: its settings, its marks, and what a crash left in the log.

use super::request::Broken;
use super::writer::checkpoint;
use crate::OpenError;
use crate::lock::{DataFolder, sync_folder};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::Duration;

/// "TNTY", in the file's header: tells our file from another program's.
const APPLICATION_ID: i64 = 0x544E_5459;

/// How long a connection waits where a tool such as `sqlite3` holds a lock for a moment.
pub(super) const BUSY_WAIT: Duration = Duration::from_secs(5);

const STATEMENTS_CACHED: usize = 256;

pub(super) fn writer(folder: &DataFolder, path: &Path) -> Result<Connection, OpenError> {
    // Made here because SQLite would make it readable for others; its log takes over the mode.
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
        .map_err(OpenError::io("open the database", path))?;
    sync_folder(folder.path()).map_err(OpenError::io("sync the data folder", folder.path()))?;
    let opened = connect(path).and_then(|connection| {
        let ours = claim(&connection)?;
        Ok((connection, ours))
    });
    let (connection, ours) = opened.map_err(|error| unusable(path, &error))?;
    if !ours {
        return Err(OpenError::Database {
            path: path.to_owned(),
            problem: "is not Tenantry's: another program made it. Choose another data folder".to_owned(),
        });
    }
    settle(&connection).map_err(|error| unusable(path, &error))?;
    Ok(connection)
}

pub(super) fn reader(path: &Path) -> Result<Connection, OpenError> {
    let open = || {
        let connection = connect(path)?;
        connection.execute_batch("PRAGMA query_only = ON; PRAGMA cache_size = -8192;")?;
        Ok(connection)
    };
    open().map_err(|error| unusable(path, &error))
}

fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_WAIT)?;
    // Without it a statement is planned anew whenever another value is bound to a range: a tenth of all CPU, measured.
    // <https://www.sqlite.org/queryplanner-ng.html#qpstab>
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_CACHED);
    Ok(connection)
}

/// Whether the file is ours; an empty one becomes ours.
fn claim(connection: &Connection) -> rusqlite::Result<bool> {
    let integer = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i64>(0));
    if integer("PRAGMA application_id")? == APPLICATION_ID {
        return Ok(true);
    }
    // A first start that was cut off may have left a header without our mark.
    if integer("SELECT count(*) FROM sqlite_schema")? > 0 {
        return Ok(false);
    }
    // Only an empty file takes a page size, and only before it has a log.
    connection.pragma_update(None, "page_size", 8192)?;
    connection.pragma_update(None, "application_id", APPLICATION_ID)?;
    Ok(true)
}

fn settle(connection: &Connection) -> rusqlite::Result<()> {
    connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get::<_, String>(0)).and_then(
        |mode| {
            if mode == "wal" { Ok(()) } else { Err(rusqlite::Error::InvalidParameterName(mode)) }
        },
    )?;
    connection.execute_batch(
        "PRAGMA synchronous = FULL;
         PRAGMA secure_delete = FAST;
         PRAGMA temp_store = MEMORY;
         PRAGMA cache_size = -32768;",
    )?;
    connection.query_row("PRAGMA wal_autocheckpoint = 0", [], |_| Ok(()))?;
    match checkpoint(connection, "PRAGMA wal_checkpoint(TRUNCATE)") {
        Ok(false) => Ok(()),
        Ok(true) => {
            tracing::warn!("another program reads the database: its log stays for now");
            Ok(())
        }
        // What is in the log is read from there, so reads can be served until there is room again.
        Err(error) if is_full(&error) => {
            tracing::error!("the disk is full: writes will be refused until there is room");
            Ok(())
        }
        Err(error) => Err(error),
    }
}

fn is_full(error: &rusqlite::Error) -> bool {
    matches!(Broken::by(error), Broken::Full)
}

fn unusable(path: &Path, error: &rusqlite::Error) -> OpenError {
    OpenError::Database {
        path: path.to_owned(),
        problem: format!(
            "cannot be used ({error}). Restore the data folder from a backup, or choose another"
        ),
    }
}

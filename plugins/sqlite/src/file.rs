//! The file itself: made where there is none, recognised as ours, brought to this version's tables, and held by one
//! service at a time.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use stock_scheduler_sdk::ConfigError;

use crate::settings::Settings;

/// Marks the file as ours, for `file` and for us: "StSc".
const APPLICATION_ID: i32 = 0x5374_5363;

/// What brings the tables from each version to the next, the first from an empty file.
const MIGRATIONS: [&str; 3] = [
    include_str!("schema.sql"),
    include_str!("schema_2.sql"),
    include_str!("schema_3.sql"),
];

/// How long to wait while another program holds the write lock.
const BUSY_TIMEOUT: Duration = Duration::from_millis(1_500);

/// How many KiB of pages the connection that writes keeps, and each that reads: what they need is mostly in the system's
/// hands, and more was measured to save nothing.
const WRITER_CACHE: u32 = 512;
const READER_CACHE: u32 = 128;

/// Statements kept ready on each connection: more than there are in this crate.
const STATEMENTS: usize = 96;

/// The sole right to write a file, until it is dropped.
#[derive(Debug)]
pub(crate) struct Hold {
    _lock: File,
}

/// Opens the file for the one that writes, and makes it ours where it is new.
pub(crate) fn open_to_write(
    path: &Path,
    settings: &Settings,
) -> Result<(PathBuf, Hold, Connection), ConfigError> {
    let wrong =
        |why: String| ConfigError::at("", format!("cannot open store {}: {why}", path.display()));
    make_directory(path).map_err(|e| wrong(format!("its directory cannot be made: {e}")))?;
    make_file(path).map_err(|e| wrong(e.to_string()))?;
    let path = fs::canonicalize(path).map_err(|e| wrong(e.to_string()))?;
    let hold = hold(&path).map_err(wrong)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut file = Connection::open_with_flags(&path, flags).map_err(|e| wrong(sentence(&e)))?;
    tune(&file, WRITER_CACHE).map_err(|e| wrong(sentence(&e)))?;
    let version = version_of(&file).map_err(wrong)?;
    log_ahead(&file, settings).map_err(wrong)?;
    migrate(&mut file, version).map_err(|e| wrong(sentence(&e)))?;
    Ok((path, hold, file))
}

/// Opens the file for one that only reads.
pub(crate) fn open_to_read(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let file = Connection::open_with_flags(path, flags)?;
    tune(&file, READER_CACHE)?;
    Ok(file)
}

fn make_directory(path: &Path) -> std::io::Result<()> {
    match path.parent() {
        Some(directory) if !directory.as_os_str().is_empty() => fs::create_dir_all(directory),
        _ => Ok(()),
    }
}

/// Makes an empty file that only its owner may read: a job's settings may hold a provider's key.
fn make_file(path: &Path) -> std::io::Result<()> {
    private().append(true).create(true).open(path).map(drop)
}

fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Takes the lock beside the file, in which the process that holds it writes its number.
fn hold(path: &Path) -> Result<Hold, String> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".lock");
    let mut options = private();
    options.read(true).write(true).create(true).truncate(false);
    let lock = options.open(&beside);
    let mut lock = lock.map_err(|e| format!("its lock file cannot be opened: {e}"))?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            // Only to say who it is; where it cannot be read, nobody is named.
            let _ = lock.read_to_string(&mut holder);
            let holder = holder.trim().parse::<u32>();
            let holder = holder.map_or(String::new(), |id| format!(" (process {id})"));
            return Err(format!(
                "another service{holder} uses it; one file serves one service, while any number of programs may read it"
            ));
        }
        Err(TryLockError::Error(e)) => return Err(format!("its lock file cannot be locked: {e}")),
    }
    // The number is only for people; the lock itself is what counts.
    let _ = lock
        .set_len(0)
        .and_then(|()| lock.rewind())
        .and_then(|()| writeln!(lock, "{}", std::process::id()));
    Ok(Hold { _lock: lock })
}

fn tune(file: &Connection, cache: u32) -> rusqlite::Result<()> {
    file.busy_timeout(BUSY_TIMEOUT)?;
    file.set_prepared_statement_cache_capacity(STATEMENTS);
    // Without it SQLite plans a statement anew for each new value, to see whether a partial index would do.
    file.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    file.execute_batch(&format!(
        "PRAGMA cache_size = -{cache}; PRAGMA temp_store = MEMORY; PRAGMA foreign_keys = OFF; PRAGMA trusted_schema = OFF;"
    ))
}

/// The version of the file's tables: 0 for an empty file. Refuses what another program has made.
fn version_of(file: &Connection) -> Result<usize, String> {
    let number = |pragma: &str| {
        file.query_row(pragma, [], |row| row.get::<_, i64>(0))
            .map_err(|e| sentence(&e))
    };
    let application = number("PRAGMA application_id")?;
    let version = number("PRAGMA user_version")?;
    let tables = number("SELECT count(*) FROM sqlite_schema")?;
    let known = MIGRATIONS.len();
    match usize::try_from(version) {
        Ok(0) if application == 0 && tables == 0 => Ok(0),
        Ok(version @ 1..) if application == i64::from(APPLICATION_ID) && version <= known => {
            Ok(version)
        }
        Ok(1..) if application == i64::from(APPLICATION_ID) => Err(format!(
            "it was written by a newer release (tables of version {version}, known are versions up to {known})"
        )),
        _ => Err("it is a database of another program; name a file that does not exist yet".into()),
    }
}

/// Switches the write-ahead log on, so that readers and the writer do not wait for each other.
fn log_ahead(file: &Connection, settings: &Settings) -> Result<(), String> {
    // Only a new file takes it: pages in which a month of bars fits make for fewer writes.
    let paged = file.execute_batch("PRAGMA page_size = 8192");
    let log = || {
        file.query_row("PRAGMA journal_mode = WAL", [], |row| {
            row.get::<_, String>(0)
        })
    };
    let mode = paged.and_then(|()| log());
    let mode = mode.map_err(|e| sentence(&e))?;
    if mode != "wal" {
        return Err(
            "its file system cannot share memory between programs; name a file on a local disk"
                .into(),
        );
    }
    let synchronous = settings.durability.synchronous();
    // Pages that are written often are carried over once per 16 MB of log; a log that a slow reader made long is cut.
    let pragmas = format!(
        "PRAGMA synchronous = {synchronous}; PRAGMA wal_autocheckpoint = 2000; PRAGMA journal_size_limit = 33554432;"
    );
    file.execute_batch(&pragmas).map_err(|e| sentence(&e))
}

/// Brings the tables from `version` to the present one, whole or not at all.
fn migrate(file: &mut Connection, version: usize) -> rusqlite::Result<()> {
    if version == MIGRATIONS.len() {
        return Ok(());
    }
    let step = file.transaction()?;
    for migration in &MIGRATIONS[version..] {
        step.execute_batch(migration)?;
    }
    step.pragma_update(None, "application_id", APPLICATION_ID)?;
    step.pragma_update(None, "user_version", MIGRATIONS.len() as i64)?;
    step.commit()
}

pub(crate) fn sentence(error: &rusqlite::Error) -> String {
    use rusqlite::ErrorCode;
    match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => {
            "it is not a SQLite database; name a file that does not exist yet".into()
        }
        Some(ErrorCode::DatabaseCorrupt) => {
            "it is damaged; restore it from a backup, or move it away to begin with an empty one"
                .into()
        }
        _ => crate::fault::sentence(error),
    }
}

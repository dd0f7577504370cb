//! Opening the file.

use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags};

use crate::options::Options;
use crate::owner::Owners;
use crate::place::{self, Opened, Place};
use crate::schema;
use crate::storage_error::{RequestError, StorageError};

/// Statements that are kept ready.
const STATEMENTS: usize = 64;

/// Who reads waits for nobody who writes. Only who keeps everybody out stands in the way, and is not waited for long.
const READ: Duration = Duration::from_secs(1);

/// While a file is made and closed again, no other thread may have it open: the kernel lets go of a process's
/// locks on a file as soon as the process closes it anywhere.
static OPENING: Mutex<()> = Mutex::new(());

/// A connection that writes, and the files that it has open.
#[derive(Debug)]
pub(crate) struct Written {
    pub(crate) connection: Connection,
    pub(crate) opened: Opened,
    pub(crate) place: Place,
    /// The ledger's own name.
    pub(crate) name: String,
}

/// Opens the ledger to write to it, and makes it if it is not there.
pub(crate) fn open(path: &Path, options: &Options) -> Result<Written, RequestError> {
    let (place, mut connection, database) = open_file(path)?;
    connection.busy_timeout(options.busy_timeout)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    // What is no ledger is not to be changed.
    schema::is_current_now(&connection)?;
    use_log(&connection, options.busy_timeout)?;
    connection.pragma_update(None, "synchronous", "full")?;
    connection.pragma_update(None, "fullfsync", true)?;
    connection.pragma_update(None, "checkpoint_fullfsync", true)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    schema::migrate(&mut connection, &Owners::of(place.owners()))?;
    Ok(Written {
        name: schema::name(&connection)?,
        opened: Opened::now(&place, database),
        connection,
        place,
    })
}

fn open_file(
    path: &Path,
) -> Result<(Place, Connection, genrex_ledger_rescue::files::Identity), RequestError> {
    let _alone = OPENING.lock().unwrap_or_else(PoisonError::into_inner);
    let place = Place::prepare(path)?;
    let before = place::named(place.database())?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    let connection = Connection::open_with_flags(place.database(), flags)?;
    if place::named(place.database())? != before {
        return Err(StorageError::new("was replaced while it was opened; try again").into());
    }
    Ok((place, connection, before))
}

/// Turns the log on. Where several begin at once on a new file, SQLite does not wait by itself here.
#[expect(
    clippy::disallowed_methods,
    reason = "another process is given its turn, once in a file's life"
)]
fn use_log(connection: &Connection, timeout: Duration) -> Result<(), RequestError> {
    const TURN: Duration = Duration::from_millis(10);
    let mut waited = Duration::ZERO;
    loop {
        let mode = connection
            .pragma_update_and_check(None, "journal_mode", "wal", |row| row.get::<_, String>(0));
        match mode {
            Ok(mode) if mode == "wal" => return Ok(()),
            Ok(mode) => {
                let why =
                    format!("cannot be kept: its file system allows no log of SQLite's ({mode})");
                return Err(StorageError::new(why).into());
            }
            Err(error)
                if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
                    && waited < timeout =>
            {
                std::thread::sleep(TURN);
                waited += TURN;
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// Opens a ledger that is there, to read it only.
pub(crate) fn open_to_read(place: &Place) -> Result<Connection, StorageError> {
    if place.database().symlink_metadata().is_err() {
        place.refuse_what_is_left()?;
    }
    place::named(place.database())?;
    match read(place, false) {
        // Where nothing may be written, SQLite cannot make the index of a log that is not there.
        Err(RequestError::Storage(_)) if place.logs().iter().all(|log| !log.exists()) => {
            read(place, true)
        }
        result => result,
    }
    .map_err(|failure| match failure {
        RequestError::Storage(trouble) => trouble,
        RequestError::Rule(error) => StorageError::new("cannot be read").with_source(error),
    })
}

fn read(place: &Place, is_still: bool) -> Result<Connection, RequestError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    let connection = if is_still {
        let uri = uri(place.database());
        Connection::open_with_flags(uri, flags | OpenFlags::SQLITE_OPEN_URI)?
    } else {
        Connection::open_with_flags(place.database(), flags)?
    };
    connection.busy_timeout(READ)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    if !schema::is_current_now(&connection)? {
        let why =
            "is of an older version, or empty: open it to write first, which brings it to this one";
        return Err(StorageError::new(why).into());
    }
    Ok(connection)
}

/// The path as SQLite takes it with the word that nobody writes to the file.
fn uri(path: &Path) -> String {
    use std::fmt::Write as _;
    let mut uri = String::from("file:");
    for byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' => {
                uri.push(char::from(*byte));
            }
            other => {
                let _ = write!(uri, "%{other:02x}");
            }
        }
    }
    uri + "?immutable=1"
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Without these a transaction that returned might not be on the disk.
    #[test]
    fn what_is_committed_is_synced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("genrex/ledger.db");
        let written = open(&path, &Options::new()).unwrap();
        let pragma = |name: &str| -> String {
            let value = |row: &rusqlite::Row<'_>| row.get::<_, rusqlite::types::Value>(0);
            let value = written.connection.pragma_query_value(None, name, value);
            format!("{:?}", value.unwrap())
        };
        assert_eq!(pragma("journal_mode"), "Text(\"wal\")");
        for (name, value) in [
            ("synchronous", 2),
            ("fullfsync", 1),
            ("checkpoint_fullfsync", 1),
            ("foreign_keys", 1),
            ("trusted_schema", 0),
            ("busy_timeout", 30_000),
            ("locking_mode", -1),
        ] {
            let expected = match value {
                -1 => String::from("Text(\"normal\")"),
                value => format!("Integer({value})"),
            };
            assert_eq!(pragma(name), expected, "{name}");
        }
    }

    #[test]
    fn a_path_is_a_uri() {
        let path = Path::new("/home/a b/100%?#/l.db");
        assert_eq!(uri(path), "file:/home/a%20b/100%25%3f%23/l.db?immutable=1");
    }
}

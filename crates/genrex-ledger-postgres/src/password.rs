//! The password, where the URL has none: `PGPASSWORD`, or libpq's file of passwords.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use genrex_ledger::{Error, ErrorKind};

/// What a line of the file is held against.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) database: String,
    pub(crate) user: String,
}

/// The password for a server, if the environment leads to one.
pub(crate) fn find(
    server: &Server,
    environment: &dyn Fn(&str) -> Option<OsString>,
) -> Result<Option<String>, Error> {
    let set = |name: &str| environment(name).filter(|value| !value.is_empty());
    if let Some(password) = set("PGPASSWORD") {
        let read = password.into_string();
        let unreadable = |_| Error::new(ErrorKind::Unreadable, "PGPASSWORD is not UTF-8");
        return read.map(Some).map_err(unreadable);
    }
    let path = match set("PGPASSFILE") {
        Some(named) => PathBuf::from(named),
        None => match set("HOME") {
            Some(home) => Path::new(&home).join(".pgpass"),
            None => return Ok(None),
        },
    };
    let Ok(found) = path.metadata() else {
        return Ok(None);
    };
    if !is_private(&found) {
        let message = format!(
            "the file of passwords {} may be read by others: give it the mode 0600",
            path.display()
        );
        return Err(Error::new(ErrorKind::Denied, message));
    }
    let text = std::fs::read_to_string(&path).map_err(|error| {
        let message = format!("the file of passwords {} cannot be read", path.display());
        Error::new(ErrorKind::Denied, message).with_source(error)
    })?;
    Ok(text.lines().find_map(|line| password_of(line, server)))
}

#[cfg(unix)]
fn is_private(found: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    found.permissions().mode() & 0o077 == 0
}

#[cfg(not(unix))]
const fn is_private(_: &std::fs::Metadata) -> bool {
    true
}

/// The password of a line `HOST:PORT:DATABASE:USER:PASSWORD`, if the line is for that server.
fn password_of(line: &str, server: &Server) -> Option<String> {
    let [host, port, database, user, password] = <[String; 5]>::try_from(fields(line)).ok()?;
    let port_of = server.port.to_string();
    let is_for = [
        (host, &server.host),
        (port, &port_of),
        (database, &server.database),
        (user, &server.user),
    ]
    .iter()
    .all(|(pattern, value)| pattern == "*" || pattern == *value);
    is_for.then_some(password)
}

/// The fields of a line; a backslash takes the meaning from a colon or a backslash. The last field has all the rest.
fn fields(line: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    if line.starts_with('#') {
        return fields;
    }
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        let is_last = fields.len() == 5;
        match character {
            ':' if !is_last => fields.push(String::new()),
            other => {
                let taken = match other {
                    '\\' => characters.next().unwrap_or('\\'),
                    other => other,
                };
                if let Some(field) = fields.last_mut() {
                    field.push(taken);
                }
            }
        }
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server() -> Server {
        Server {
            host: String::from("db.example"),
            port: 5432,
            database: String::from("genrex"),
            user: String::from("studio"),
        }
    }

    #[test]
    fn the_first_line_that_fits_has_the_password() {
        for (line, expected) in [
            ("db.example:5432:genrex:studio:one", Some("one")),
            ("*:*:*:*:any", Some("any")),
            ("db.example:5433:genrex:studio:other port", None),
            ("db.example:5432:genrex:else:other user", None),
            ("# *:*:*:*:a comment", None),
            ("db.example:5432:genrex:studio", None),
            (r"*:*:*:studio:a\:b\\c:d", Some(r"a:b\c:d")),
            ("", None),
        ] {
            let found = password_of(line, &server());
            assert_eq!(found.as_deref(), expected, "{line}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_others_may_read_is_refused() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("passwords");
        std::fs::write(&path, "*:*:*:*:hidden\n").unwrap();
        let environment = |name: &str| (name == "PGPASSFILE").then(|| path.clone().into());
        let with_mode = |mode| {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            find(&server(), &environment)
        };
        assert_eq!(with_mode(0o600).unwrap().as_deref(), Some("hidden"));
        let refused = with_mode(0o640).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Denied);
        assert!(!refused.to_string().contains("hidden"), "{refused}");
        let nowhere = |name: &str| (name == "PGPASSFILE").then(|| OsString::from("/nowhere"));
        assert_eq!(find(&server(), &nowhere).unwrap(), None);
    }
}

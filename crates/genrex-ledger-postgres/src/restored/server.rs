//! Which server, and which tables of it: what is put back has another name, by whichever way.

use genrex_ledger::ErrorKind;
use genrex_ledger_rescue::Seen;

use crate::failure::{Failure, StorageError, Then};
use crate::session::Session;
use crate::store::nothing;

/// Which server it is, as far as that can be known, and whether another keeps what it does before that is told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Server {
    /// The system's identifier, the timeline, and the number of the tables, with a slash between them. An earlier genrex
    /// left the last out.
    pub(crate) name: Option<String>,
    pub(crate) is_synchronous: bool,
}

impl Server {
    /// Whether a name is this server's.
    pub(crate) fn is(&self, name: Option<&str>) -> bool {
        let (Some(own), Some(name)) = (&self.name, name) else {
            return false;
        };
        own == name || (parts(name).2.is_empty() && own.starts_with(&format!("{name}/")))
    }

    /// Whether this is another server than the one that kept a step, and need not have all that it had. One that took
    /// over from it has the same system's identifier and tables: there a standby may have had to keep all.
    pub(crate) fn may_have_less_than(&self, seen: &Seen) -> bool {
        let (Some(own), Some(before)) = (&self.name, &seen.server) else {
            return false;
        };
        let ((system, _, tables), (system_before, _, tables_before)) = (parts(own), parts(before));
        let is_of_it =
            system == system_before && (tables == tables_before || tables_before.is_empty());
        !(self.is(Some(before)) || is_of_it && seen.is_synchronous)
    }
}

/// The system's identifier, the timeline, and the tables.
fn parts(name: &str) -> (&str, &str, &str) {
    let mut parts = name.splitn(3, '/');
    let mut next = || parts.next().unwrap_or_default();
    (next(), next(), next())
}

/// Which server answers.
pub(super) async fn server(session: &Session) -> Result<Server, Failure> {
    let may = "SELECT has_function_privilege('pg_control_system()', 'execute'), \
         current_setting('synchronous_standby_names') <> '', pg_is_in_recovery(), 'genrex.history'::regclass::oid::text";
    let rows = session.read(may, &[]).await?;
    let row = rows.first().ok_or_else(nothing)?;
    let (may, is_synchronous, is_standby): (bool, bool, bool) =
        (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
    let tables: String = row.try_get(3)?;
    if is_standby {
        let why = "may only be read: it is a standby, or set so";
        return Err(StorageError::new(ErrorKind::Denied, Then::Reconnect, why).into());
    }
    let server = if may {
        // The timeline is another one after each recovery to a point in time, and after each fail-over.
        let named = "SELECT system_identifier || '/' || left(pg_walfile_name(pg_current_wal_lsn()), 8) \
             FROM pg_control_system()";
        let rows = session.read(named, &[]).await?;
        rows.first().ok_or_else(nothing)?.try_get(0)?
    } else {
        String::from("/")
    };
    Ok(Server {
        name: Some(format!("{server}/{tables}")),
        is_synchronous,
    })
}

#[cfg(test)]
mod tests {
    use genrex_ledger::{LocalId, State};

    use super::*;

    fn server(name: &str) -> Server {
        Server {
            name: Some(name.to_owned()),
            is_synchronous: false,
        }
    }

    #[test]
    fn a_server_is_known_by_its_name_and_by_the_one_that_it_had_before() {
        for (own, name, is_it) in [
            ("77/1/16", "77/1/16", true),
            ("77/1/16", "77/1/17", false),
            ("77/1/16", "77/2/16", false),
            ("77/1/16", "77/1", true),
            ("77/1/16", "77/2", false),
            ("77/11/16", "77/1", false),
            ("//16", "//16", true),
            ("//16", "//17", false),
            ("77/1/16", "//16", false),
        ] {
            assert_eq!(server(own).is(Some(name)), is_it, "{own} {name}");
        }
        assert!(!server("77/1/16").is(None));
    }

    #[test]
    fn only_a_standby_that_had_to_keep_all_has_all() {
        for (own, before, is_synchronous, may_have_less) in [
            ("77/1/16", "77/1/16", false, false),
            ("77/2/16", "77/1/16", false, true),
            ("77/2/16", "77/1/16", true, false),
            ("77/2/16", "77/1", true, false),
            // A dump: of another server, or put back into the same one.
            ("78/1/16", "77/1/16", true, true),
            ("77/1/17", "77/1/16", true, true),
        ] {
            let seen = Seen {
                ledger: String::from("l"),
                generation: 0,
                event: 1,
                job: LocalId(1),
                state: State::Sent,
                at: 1,
                server: Some(before.to_owned()),
                is_synchronous,
            };
            let less = server(own).may_have_less_than(&seen);
            assert_eq!(less, may_have_less, "{own} after {before}");
        }
    }
}

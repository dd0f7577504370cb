//! Which ledger is used: the file or the database that the environment names, or the file in the user's folder for data.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use etcetera::BaseStrategy as _;
use genrex_ledger_postgres::Address;
use sha2::{Digest as _, Sha256};

use crate::command_error::{Code, CommandError};

const VARIABLE: &str = "GENREX_LEDGER";
const FLAG: &str = "--ledger";

/// What a flag has said.
static CHOSEN: OnceLock<String> = OnceLock::new();

/// Where a ledger is.
#[derive(Debug, Clone)]
pub(crate) enum Place {
    /// A file of SQLite's.
    File(PathBuf),
    /// A database of PostgreSQL's.
    Database(Box<Address>),
}

impl Place {
    /// Uses another one than the environment names, from here on.
    pub(crate) fn choose(name: String) {
        // A command has one such flag.
        let _ = CHOSEN.set(name);
    }

    /// The one that is used.
    pub(crate) fn find() -> Result<Self, CommandError> {
        if let Some(name) = CHOSEN.get() {
            return Self::named(name, FLAG);
        }
        let Some(named) = std::env::var_os(VARIABLE).filter(|path| !path.is_empty()) else {
            return Ok(Self::File(genrex_ledger_sqlite::default_path(
                &data_folder()?,
            )));
        };
        match named.to_str() {
            Some(name) => Self::named(name, VARIABLE),
            None => Ok(Self::File(PathBuf::from(named))),
        }
    }

    /// The one of this name; `by` says what gives it.
    pub(crate) fn named(name: &str, by: &str) -> Result<Self, CommandError> {
        match name.split_once("://").map(|(scheme, _)| scheme) {
            None => Ok(Self::File(PathBuf::from(name))),
            Some("postgres" | "postgresql") => {
                let address = Address::new(name).map_err(|error| {
                    let message = format!("{by}: {error}");
                    CommandError::new(Code::Usage, "configuration", message)
                        .hint("docs/fleet.md shows the form of an address")
                })?;
                Ok(Self::Database(Box::new(address)))
            }
            Some(scheme) => {
                let message = format!("{by} begins with {scheme}://, which is no ledger");
                Err(
                    CommandError::new(Code::Usage, "configuration", message).hint(
                        "give it the path of a file, such as ~/.local/share/genrex/ledger.db, or the address of a \
                         database, postgres://USER@HOST/DATABASE",
                    ),
                )
            }
        }
    }

    /// Where an outcome is put that the ledger could not take.
    pub(crate) fn rescue(&self) -> Result<PathBuf, CommandError> {
        let mut rescue = self.rescued()?.into_os_string();
        rescue.push(".rescue");
        Ok(rescue.into())
    }

    /// What a file of rescued outcomes is named after: a database has one on each machine.
    pub(crate) fn rescued(&self) -> Result<PathBuf, CommandError> {
        Ok(match self {
            Self::File(path) => path.clone(),
            Self::Database(address) => {
                let name = hex::encode(&Sha256::digest(address.to_string())[..8]);
                data_folder()?.join(format!("genrex/postgres-{name}"))
            }
        })
    }

    /// The file, if it is one.
    pub(crate) fn file(&self) -> Option<&Path> {
        match self {
            Self::File(path) => Some(path),
            Self::Database(_) => None,
        }
    }
}

/// Without a password.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Database(address) => address.fmt(f),
        }
    }
}

fn data_folder() -> Result<PathBuf, CommandError> {
    let strategy = etcetera::base_strategy::choose_base_strategy()
        .map_err(|error| CommandError::other("there is no home folder").with_source(&error))?;
    Ok(strategy.data_dir())
}

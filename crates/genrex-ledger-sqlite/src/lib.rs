//! What was promised, sent and paid for: a ledger that outlives crashes.
//!
//! GenreX has no idempotency key, no list of jobs and no cancel: what a client forgets is gone, and what it
//! sends again is bought again. So each paid submit is written down, and synced, **before** it leaves, and
//! its outcome before anyone is told. A submit without an outcome whose process is gone is *ambiguous*: it
//! may have been charged, and nothing sends it again.
//!
//! ```
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("ledger.db");
//! use genrex_ledger::{Account, Event, Intent, Ledger, Limits, SqliteLedger, State};
//!
//! let mut ledger = SqliteLedger::open(&path)?;
//! let account = Account::new("https://api.genrex.com", "my-key");
//! let intent = Intent::new(account, "intense EDM", 10, br#"{"duration":10,"text":"intense EDM"}"#);
//!
//! let entry = ledger.intend(&intent, &Limits::default(), 1_717_574_785_354)?; // synced: now it may be sent
//! ledger.record(entry.id, &Event::Sent, 1_717_574_785_360)?;
//! ledger.record(entry.id, &Event::Accepted("QRY_1".parse()?), 1_717_574_785_900)?;
//! assert_eq!(ledger.entry(entry.id)?.unwrap().state, State::Accepted);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [`State`] is the pure machine; [`Ledger`] is what a storage must do, in words that another storage can be
//! held to; [`SqliteLedger`] is one file that people can open and query. Time is an argument, in milliseconds
//! since 1970.
//!
//! Invariant: a transition that the machine does not have cannot be written, by this crate or by anyone who
//! opens the file: a trigger in it refuses.

mod entry;
mod error;
mod intent;
mod ledger;
mod owner;
mod place;
mod price;
mod sqlite;
mod state;

pub use entry::{Entry, LocalId};
pub use error::{Error, ErrorKind};
pub use intent::{Account, Intent, Limits};
pub use ledger::{Filter, Ledger};
pub use place::default_path;
pub use price::{Observation, Price};
pub use sqlite::SqliteLedger;
pub use state::{Event, State, Verdict};

use std::fmt;
use std::time::Duration;

use genrex_proto::{Excerpt, QueryId};
use genrex_sign::UnixMillis;

use crate::failure::Class;

/// What is known of a submit that may have been charged.
///
/// It claims no more than was seen. Give it to the service's support with the account's balance before
/// and after.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Evidence {
    /// What was seen of the last attempt.
    pub seen: Class,
    /// The `t` that was signed, by the service's clock as far as it is known.
    pub signed_at: UnixMillis,
    /// How long the exchange took.
    pub elapsed: Duration,
    /// The status of the answer, where a head came.
    pub status: Option<u16>,
    /// How the answer began, where one came.
    pub excerpt: Option<Excerpt>,
    /// An id that was found in a broken answer, which the service did not know when asked.
    pub unconfirmed_id: Option<QueryId>,
    /// What the transport said.
    pub detail: Option<String>,
}

impl fmt::Display for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}, {:.1} s after t={}",
            self.seen,
            self.elapsed.as_secs_f64(),
            self.signed_at
        )?;
        if let Some(status) = self.status {
            write!(f, ", status {status}")?;
        }
        if let Some(id) = &self.unconfirmed_id {
            write!(f, ", with the unconfirmed id {id}")?;
        }
        if let Some(detail) = &self.detail {
            write!(f, ": {detail}")?;
        }
        Ok(())
    }
}

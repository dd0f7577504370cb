use std::fmt;
use std::time::Duration;

use genrex_proto::{Excerpt, QueryId};
use genrex_sign::UnixMillis;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::failure::Class;

/// What is known of a submit that may have been charged.
///
/// It claims no more than was seen. Give it to the service's support with the account's balance before
/// and after.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Evidence {
    /// What was seen of the last attempt.
    pub seen: Class,
    /// The `t` that was signed, by the service's clock as far as it is known.
    #[serde(serialize_with = "write_millis", deserialize_with = "read_millis")]
    pub signed_at: UnixMillis,
    /// How long the exchange took.
    pub elapsed: Duration,
    /// The status of the answer, where a head came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// How the answer began, where one came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub excerpt: Option<Excerpt>,
    /// An id that was found in a broken answer, and that the service did not know when asked; or in one that was too
    /// large or broke in another way, after which it was not asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unconfirmed_id: Option<QueryId>,
    /// What the transport said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

impl fmt::Display for Evidence {
    /// What was seen, in words. The time is left to whoever knows the reader's time zone.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.seen {
            Class::Abandoned => "it was given up before its answer came",
            Class::Lost => "no answer came",
            Class::Unreadable => "the answer says that it was taken, and cannot be read",
            Class::TooLarge => "the answer says that it was taken, and is larger than it may be",
            Class::Redirect => "the answer is a redirect, which is not followed",
            _ => "the answer does not say whether it was taken",
        })?;
        if let Some(status) = self.status {
            write!(f, " (status {status})")?;
        }
        write!(f, ", after {:.1} s", self.elapsed.as_secs_f64())?;
        if let Some(id) = &self.unconfirmed_id {
            write!(
                f,
                "; its id may be {id}, which the service did not know when asked"
            )?;
        }
        if let Some(detail) = &self.detail {
            write!(f, ": {detail}")?;
        }
        Ok(())
    }
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands over a reference"
)]
fn write_millis<S: Serializer>(t: &UnixMillis, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(t.get())
}

fn read_millis<'de, D: Deserializer<'de>>(deserializer: D) -> Result<UnixMillis, D::Error> {
    u64::deserialize(deserializer).map(UnixMillis::new)
}

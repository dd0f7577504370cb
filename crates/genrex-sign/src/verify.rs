use core::time::Duration;

use crate::header::fields;
use crate::{ApiSecret, Error, ErrorKind, Signature, UnixMillis};

/// The other side: checks a header against the raw bytes of a body.
///
/// It works on bytes as they came. Re-encoding JSON before checking would refuse honest clients, since
/// Node and Python escape and order differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Verifier {
    tolerance: Duration,
}

impl Verifier {
    /// Accepts times up to `tolerance` before and after the verifier's own, both edges included.
    ///
    /// GenreX does not publish its own tolerance.
    #[must_use]
    pub const fn new(tolerance: Duration) -> Self {
        Self { tolerance }
    }

    /// How far a signed time may be from the verifier's own, both ways.
    #[must_use]
    pub const fn tolerance(&self) -> Duration {
        self.tolerance
    }

    /// Checks `header` for `body` at the time `now`, and returns the time that was signed.
    ///
    /// The MAC is checked before the window, in constant time, so that an answer about the window is
    /// given only to someone who holds the secret.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::MalformedHeader`], [`ErrorKind::Mismatch`], [`ErrorKind::Expired`] or
    /// [`ErrorKind::FromTheFuture`].
    pub fn verify(
        &self,
        secret: &ApiSecret,
        header: &str,
        body: &[u8],
        now: UnixMillis,
    ) -> Result<UnixMillis, Error> {
        let malformed = Error::new(ErrorKind::MalformedHeader);
        let Some((t, digits)) = fields(header) else {
            return Err(malformed);
        };
        // A signature has one spelling, so that digits are compared, and only others are read.
        if !Signature::of(secret, t, body).is(digits) {
            let read: Result<Signature, _> = digits.parse();
            return Err(read.map_or(malformed, |_| Error::new(ErrorKind::Mismatch)));
        }
        if t.abs_diff(now) <= self.tolerance {
            return Ok(t);
        }
        Err(Error::new(if t < now {
            ErrorKind::Expired
        } else {
            ErrorKind::FromTheFuture
        }))
    }
}

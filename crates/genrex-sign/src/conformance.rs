//! A suite for a verifier of GenreX signatures, in one call.
//!
//! [`check`] drives a verifier with honest requests, forgeries, other spellings of the header, both
//! edges of the time window and bodies that are no UTF-8, and says which [`Rule`] it breaks. What this
//! crate's own [`Verifier`](crate::Verifier) accepts and refuses is the measure: a header has exactly one
//! spelling, `t` is any `u64`, the body is bytes, and both edges of the window are inside it.
//!
//! ```
//! use core::time::Duration;
//! use genrex_sign::{ApiSecret, UnixMillis, Verifier, conformance};
//!
//! // Your verifier goes here: another crate, another process, a server behind a socket.
//! let tolerance = Duration::from_secs(300);
//! let verify = |secret: &str, header: &str, body: &[u8], now_ms: u64| {
//!     let Ok(secret) = ApiSecret::new(secret) else { return false };
//!     Verifier::new(tolerance).verify(&secret, header, body, UnixMillis::new(now_ms)).is_ok()
//! };
//! conformance::check(verify, tolerance)?;
//!
//! let finding = conformance::check(|_, _, _, _| true, tolerance).unwrap_err();
//! assert_eq!(finding.rule(), conformance::Rule::BodySigned);
//! # Ok::<(), conformance::Finding>(())
//! ```
//!
//! The suite runs the fixed cases first, always the same and in the same order, then generated ones from
//! a seed, and shrinks a generated case that fails. The fixed cases are plain data
//! ([`fixed_cases`]); the folder `vectors` of this crate has them as JSON, for other languages.

extern crate std;

mod case;
mod finding;
mod fixed;
mod generated;
mod rule;

use alloc::string::{String, ToString};
use core::hash::{BuildHasher as _, Hasher as _};
use core::time::Duration;
use std::hash::RandomState;
use std::panic::{AssertUnwindSafe, catch_unwind};

pub use case::{Case, Expected};
pub use finding::{Answer, Finding};
pub use fixed::fixed_cases;
pub use rule::Rule;

/// Checks whether `verify` keeps every [`Rule`], with a seed that is new in each run.
///
/// `verify` is given the API secret, the value of `gx-signature`, the raw bytes of the body and the
/// verifier's own time in milliseconds since 1970-01-01T00:00:00Z, and returns whether it accepts. Every
/// secret is a valid [`ApiSecret`](crate::ApiSecret). It is called about 2,800 times, from this thread.
///
/// `tolerance` is how far the signed time may be from the verifier's own, both ways, both edges
/// included; a part of a millisecond plays no role, since times are whole milliseconds.
///
/// A panic of `verify` is caught and is a finding, [`Rule::NoPanic`], unless the program is built with
/// `panic = "abort"`. The process's panic hook still prints it.
///
/// # Errors
///
/// The first [`Finding`]: which rule was broken, and the very input that shows it.
pub fn check<V>(verify: V, tolerance: Duration) -> Result<(), Finding>
where
    V: Fn(&str, &str, &[u8], u64) -> bool,
{
    check_with_seed(
        verify,
        tolerance,
        RandomState::new().build_hasher().finish(),
    )
}

/// [`check`], with the generated cases of `seed`: the same seed gives the same cases.
///
/// It repeats a run whose finding has a [`seed`](Finding::seed), and makes a run reproducible where one
/// has to be.
///
/// # Errors
///
/// As [`check`].
pub fn check_with_seed<V>(verify: V, tolerance: Duration, seed: u64) -> Result<(), Finding>
where
    V: Fn(&str, &str, &[u8], u64) -> bool,
{
    let judge = |case: &Case| judge(&verify, case, tolerance);
    fixed_cases(tolerance).iter().try_for_each(judge)?;
    generated::run(judge, tolerance, seed)
}

/// Whether `verify` answers `case` as expected.
fn judge<V>(verify: &V, case: &Case, tolerance: Duration) -> Result<(), Finding>
where
    V: Fn(&str, &str, &[u8], u64) -> bool,
{
    let call = || verify(&case.secret, &case.header, &case.body, case.now_ms);
    let answer = match catch_unwind(AssertUnwindSafe(call)) {
        Ok(true) => Answer::Accepted,
        Ok(false) => Answer::Refused,
        Err(payload) => Answer::Panicked(message(payload.as_ref())),
    };
    let right = match case.expected {
        Expected::Accepted => Answer::Accepted,
        Expected::Refused(_) => Answer::Refused,
    };
    if answer == right {
        return Ok(());
    }
    Err(Finding::new(case.clone(), answer, tolerance))
}

/// What a panic said, as far as it said it in text.
fn message(payload: &(dyn core::any::Any + Send)) -> String {
    payload
        .downcast_ref::<&str>()
        .map(ToString::to_string)
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_default()
}

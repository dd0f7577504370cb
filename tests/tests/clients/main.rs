//! The two clients as their users meet them, against the sandbox: one suite, taken in twice.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![allow(
    clippy::duplicate_mod,
    reason = "the suite is taken in twice on purpose"
)]

mod over_reqwest;
mod over_ureq;
mod surface;

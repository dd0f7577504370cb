mod forged;
mod honest;
mod spelled;
mod window;

use alloc::vec::Vec;
use core::time::Duration;

use crate::conformance::Case;

/// The cases that every run has, in the order in which they are tried: honest requests, forgeries, raw
/// bodies, spellings of the header, the window.
///
/// The verifier's time is the time that was signed in all but the window's cases, so only those depend on
/// `tolerance`. An edge that lies outside the range of `u64` milliseconds has no case.
#[must_use]
pub fn fixed_cases(tolerance: Duration) -> Vec<Case> {
    let mut cases = Vec::new();
    cases.extend(honest::requests());
    cases.extend(forged::bodies());
    cases.extend(forged::times());
    cases.extend(forged::secrets());
    cases.extend(forged::macs());
    cases.extend(forged::inputs());
    cases.extend(forged::lengths());
    cases.extend(honest::raw_bodies());
    cases.extend(forged::raw_bodies());
    cases.extend(spelled::macs());
    cases.extend(spelled::times());
    cases.extend(spelled::numbers());
    cases.extend(spelled::fields());
    cases.extend(spelled::white_space());
    cases.extend(spelled::headers());
    cases.extend(window::past(tolerance));
    cases.extend(window::future(tolerance));
    cases
}

//! What reads what a service says and is not public: for a fuzzer. It is no interface.

use std::time::Duration;

use http::{HeaderMap, Uri};

use crate::operations::call::retry_after as header;
use crate::operations::download::asset_url::AssetUrl;
use crate::operations::download::wav::Wav;
use crate::{AddressPolicy, Error};

/// How long an answer asks to wait, at most 300 s.
#[must_use]
pub fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    header::retry_after(headers)
}

/// The answer's `Date`, in seconds since the Unix epoch.
#[must_use]
pub fn date(headers: &HeaderMap) -> Option<i64> {
    header::date(headers)
}

/// Where a link to audio leads.
///
/// # Errors
///
/// If it may not be followed.
pub fn asset_url(url: &str, policy: AddressPolicy) -> Result<Uri, Error> {
    AssetUrl::new(url, policy).map(|url| url.uri().clone())
}

/// Where a redirect from a link leads.
///
/// # Errors
///
/// If the link or the redirect may not be followed.
pub fn redirected(url: &str, location: &str, policy: AddressPolicy) -> Result<Uri, Error> {
    let from = AssetUrl::new(url, policy)?;
    let target = from.redirected(location, policy)?;
    Ok(target.uri().clone())
}

/// What is said of a file that came in these pieces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Audio {
    /// Whether it can be a WAVE file.
    pub is_plausible: bool,
    /// Whether it is all of one, where HTTP has said how long it is, and where not.
    pub is_whole: [bool; 2],
    /// How long it sounds.
    pub duration: Option<Duration>,
}

/// Looks at a file's bytes in pieces.
#[must_use]
pub fn wav<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Audio {
    let mut wav = Wav::default();
    for piece in pieces {
        wav.feed(piece);
    }
    Audio {
        is_plausible: wav.is_plausible(),
        is_whole: [wav.is_whole(true), wav.is_whole(false)],
        duration: wav.duration(),
    }
}

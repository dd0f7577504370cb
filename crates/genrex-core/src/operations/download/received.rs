use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_RANGE, ETAG};
use http::response::Parts;
use http::{HeaderMap, HeaderValue};
use sha2::{Digest as _, Sha256};

use super::asset_url::AssetUrl;
use super::downloaded::{Downloaded, Sha256Digest};
use super::wav::Wav;

/// What of a file is in the sink.
#[derive(Debug, Default)]
pub(super) struct Received {
    pub(super) bytes: u64,
    /// How long the file is, where the storage says so.
    pub(super) total: Option<u64>,
    /// The strong validator of the version that these bytes are of.
    etag: Option<HeaderValue>,
    /// Where these bytes came from: another place may hold another file, whatever its validator says.
    from: Option<AssetUrl>,
    hash: Sha256,
    wav: Wav,
}

impl Received {
    /// Begins a file that a 200 announces.
    pub(super) fn begin(head: &Parts, from: Option<AssetUrl>) -> Self {
        Self {
            total: announced(head),
            etag: strong_etag(&head.headers),
            from,
            ..Self::default()
        }
    }

    /// What to ask `url` for to go on from here, and under which condition: only where these bytes came from, and
    /// where the version is known.
    pub(super) fn rest(&self, url: &AssetUrl) -> Option<(HeaderValue, HeaderValue)> {
        if !self.is_from(Some(url)) {
            return None;
        }
        let etag = self.etag.clone().filter(|_| self.bytes > 0)?;
        let range = HeaderValue::try_from(format!("bytes={}-", self.bytes)).ok()?;
        Some((range, etag))
    }

    /// Whether it can be gone on from: without a strong validator nothing says that the rest would be of the same
    /// version.
    pub(super) const fn is_resumable(&self) -> bool {
        self.bytes == 0 || self.etag.is_some()
    }

    fn is_from(&self, url: Option<&AssetUrl>) -> bool {
        let from = self.from.as_ref().zip(url);
        from.is_some_and(|(from, url)| from.is_same_place(url))
    }

    /// Whether a 206 from `url` goes on where these bytes end, in the same version of the same file: it must come
    /// from the same place, and say so by the same strong validator and the same total.
    pub(super) fn continues(&self, head: &Parts, url: Option<&AssetUrl>) -> bool {
        let range = head.headers.get(CONTENT_RANGE);
        let range = range.and_then(|range| range.to_str().ok());
        let Some((start, total)) = range.and_then(content_range) else {
            return false;
        };
        let etag = strong_etag(&head.headers);
        let same_version = etag.is_some() && etag == self.etag;
        let same_total = match (total, self.total) {
            (Some(now), Some(then)) => now == then,
            (None, _) | (_, None) => true,
        };
        self.is_from(url) && start == self.bytes && start > 0 && same_version && same_total
    }

    /// Looks at bytes before they are stored; whether this can still be a WAVE file.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> bool {
        self.wav.feed(bytes);
        self.wav.is_plausible()
    }

    /// Bytes are in the sink.
    pub(super) fn keep(&mut self, bytes: &Bytes) {
        self.hash.update(bytes);
        self.bytes = self.bytes.saturating_add(length(bytes));
    }

    pub(super) fn is_short(&self) -> bool {
        self.total.is_some_and(|total| self.bytes < total)
    }

    /// Whether the file is as long as the storage and its own header say.
    pub(super) fn is_whole(&self) -> bool {
        let is_long = self.total.is_some_and(|total| self.bytes > total);
        !is_long && self.wav.is_whole(self.total.is_some())
    }

    pub(super) fn into_downloaded(self) -> Downloaded {
        Downloaded {
            bytes: self.bytes,
            sha256: Sha256Digest(self.hash.finalize().into()),
            duration: self.wav.duration(),
        }
    }
}

/// How many bytes an answer announces.
pub(super) fn announced(head: &Parts) -> Option<u64> {
    head.headers
        .get(CONTENT_LENGTH)?
        .to_str()
        .ok()?
        .parse()
        .ok()
}

pub(super) fn length(bytes: &Bytes) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

/// The `ETag`, if it is a strong one (RFC 9110, section 8.8.3): a weak one says nothing of bytes.
fn strong_etag(headers: &HeaderMap) -> Option<HeaderValue> {
    let etag = headers.get(ETAG)?;
    let strong = etag.as_bytes().len() >= 2
        && etag.as_bytes().starts_with(b"\"")
        && etag.as_bytes().ends_with(b"\"");
    strong.then(|| etag.clone())
}

/// The first byte's place and the whole length in `bytes 100-199/200` or `bytes 100-199/*`.
fn content_range(text: &str) -> Option<(u64, Option<u64>)> {
    let (range, total) = text.strip_prefix("bytes ")?.split_once('/')?;
    let (start, _) = range.split_once('-')?;
    let total = match total {
        "*" => None,
        total => Some(total.parse().ok()?),
    };
    Some((start.parse().ok()?, total))
}

//! The object storage: presigned links, ranges, validators.

use std::time::Duration;

use bytes::Bytes;
use genrex_sign::{ApiSecret, Payload, UnixMillis, Verifier};
use http::header::{
    ACCEPT_RANGES, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, IF_NONE_MATCH, IF_RANGE,
    RANGE,
};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, Uri};

use crate::audio::Audio;

/// Where an asset lies, for a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Link {
    pub(crate) asset_id: String,
    /// In milliseconds since the Unix epoch: part of the file's name, as the service's own are.
    pub(crate) made_at: u64,
}

impl Link {
    /// The link's text: good from now on for `lifetime`.
    pub(crate) fn url(
        &self,
        origin: &str,
        secret: &ApiSecret,
        now: UnixMillis,
        lifetime: Duration,
    ) -> String {
        let path = self.path();
        let lifetime = u64::try_from(lifetime.as_millis()).unwrap_or(u64::MAX);
        let expires = now.get().saturating_add(lifetime);
        let signature = sign(secret, &path, expires);
        format!("{origin}{path}?Expires={expires}&Signature={signature}")
    }

    /// Reads a link that was made by [`url`](Self::url), or says why it does not work.
    pub(crate) fn read(
        uri: &Uri,
        secret: &ApiSecret,
        now: UnixMillis,
    ) -> Result<Self, Box<Response<Bytes>>> {
        let path = uri.path();
        let link = Self::of_path(path).ok_or_else(|| Box::new(Self::missing()))?;
        let query = uri.query().unwrap_or_default();
        let field = |name: &str| {
            query
                .split('&')
                .find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
                .unwrap_or_default()
        };
        let expires = field("Expires");
        let signed = format!("t={expires},v={}", field("Signature"));
        // Any time is good to the verifier: it compares the MAC, and what the time means is said below.
        let verified = Verifier::new(Duration::MAX).verify(
            &storage_key(secret),
            &signed,
            path.as_bytes(),
            now,
        );
        let Ok(expires) = verified else {
            let refused = refusal(StatusCode::FORBIDDEN, "SignatureDoesNotMatch");
            return Err(Box::new(refused));
        };
        if expires < now {
            let refused = refusal(StatusCode::FORBIDDEN, "AccessDenied: the link has expired");
            return Err(Box::new(refused));
        }
        Ok(link)
    }

    pub(crate) fn missing() -> Response<Bytes> {
        refusal(StatusCode::NOT_FOUND, "NoSuchKey")
    }

    fn path(&self) -> String {
        let (seconds, millis) = (self.made_at / 1000, self.made_at % 1000);
        format!("/audio/{}/{seconds}.{millis:03}_32k.wav", self.asset_id)
    }

    fn of_path(path: &str) -> Option<Self> {
        let (asset_id, file) = path.strip_prefix("/audio/")?.split_once('/')?;
        let (seconds, millis) = file.strip_suffix("_32k.wav")?.split_once('.')?;
        let made_at = seconds.parse::<u64>().ok()?.checked_mul(1000)?;
        let link = Self {
            asset_id: asset_id.to_owned(),
            made_at: made_at.checked_add(millis.parse().ok()?)?,
        };
        (link.path() == path).then_some(link)
    }
}

/// Serves a file: whole, a range of it, or nothing new.
pub(crate) fn serve(method: &Method, headers: &HeaderMap, audio: &Audio) -> Response<Bytes> {
    if !matches!(*method, Method::GET | Method::HEAD) {
        return refusal(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed");
    }
    let whole = &audio.wav;
    let mut response = match range(headers, audio) {
        Wanted::Nothing => Response::new(Bytes::new()),
        Wanted::Whole => Response::new(whole.clone()),
        Wanted::Part(start, end) => {
            let mut part = Response::new(whole.slice(start..end));
            *part.status_mut() = StatusCode::PARTIAL_CONTENT;
            let place = format!("bytes {start}-{}/{}", end - 1, whole.len());
            insert(part.headers_mut(), CONTENT_RANGE, &place);
            part
        }
        Wanted::Unsatisfiable => {
            let mut refused = refusal(StatusCode::RANGE_NOT_SATISFIABLE, "InvalidRange");
            insert(
                refused.headers_mut(),
                CONTENT_RANGE,
                &format!("bytes */{}", whole.len()),
            );
            return refused;
        }
    };
    let unchanged = headers
        .get(IF_NONE_MATCH)
        .is_some_and(|etag| etag == audio.etag.as_str());
    if unchanged {
        response = Response::new(Bytes::new());
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    }
    let length = response.body().len();
    if method == Method::HEAD {
        *response.body_mut() = Bytes::new();
    }
    let headers = response.headers_mut();
    insert(headers, ETAG, &audio.etag);
    headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    if !unchanged {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("audio/wav"));
        insert(headers, CONTENT_LENGTH, &length.to_string());
    }
    response
}

enum Wanted {
    Nothing,
    Whole,
    /// From one place up to another, excluding it.
    Part(usize, usize),
    Unsatisfiable,
}

/// RFC 9110, section 14: a range counts only while `If-Range` names this very version, a malformed one
/// is ignored, and several at once are answered with the whole.
fn range(headers: &HeaderMap, audio: &Audio) -> Wanted {
    let whole = audio.wav.len();
    if whole == 0 {
        return Wanted::Nothing;
    }
    let same_version = headers
        .get(IF_RANGE)
        .is_none_or(|etag| etag == audio.etag.as_str());
    let asked = headers.get(RANGE).and_then(|range| range.to_str().ok());
    let Some(asked) = asked.filter(|_| same_version) else {
        return Wanted::Whole;
    };
    let Ok(parsed) = http_range_header::parse_range_header(asked) else {
        return Wanted::Whole;
    };
    let length = u64::try_from(whole).unwrap_or(u64::MAX);
    match parsed.validate(length).as_deref() {
        Ok([part]) => {
            let end = usize::try_from(*part.end()).map_or(whole, |last| (last + 1).min(whole));
            usize::try_from(*part.start())
                .map_or(Wanted::Unsatisfiable, |start| Wanted::Part(start, end))
        }
        Ok(_) => Wanted::Whole,
        Err(_) => Wanted::Unsatisfiable,
    }
}

/// The signature of a link: of its path and its end.
fn sign(secret: &ApiSecret, path: &str, expires: u64) -> String {
    let payload = Payload::from(path.to_owned());
    let header = storage_key(secret).sign(UnixMillis::new(expires), &payload);
    header.signature().to_string()
}

/// What links are signed with: another key than calls are, so that neither signature is good as the other.
fn storage_key(secret: &ApiSecret) -> ApiSecret {
    let purpose = Payload::from("genrex-sandbox: the key of its links");
    let derived = secret.sign(UnixMillis::new(0), &purpose);
    ApiSecret::new(derived.signature().to_string()).expect("hexadecimal digits are a secret")
}

/// A refusal in the form of S3.
fn refusal(status: StatusCode, code: &str) -> Response<Bytes> {
    let body =
        format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code></Error>");
    let mut response = Response::new(Bytes::from(body));
    *response.status_mut() = status;
    insert(response.headers_mut(), CONTENT_TYPE, "application/xml");
    response
}

fn insert(headers: &mut HeaderMap, name: http::HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

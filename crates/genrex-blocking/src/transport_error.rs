//! What ureq's errors say of the wire. No decision is taken here.

use std::error::Error as StdError;
use std::fmt;
use std::io;

use genrex_core::{TransportError, TransportErrorKind as Kind};
use ureq::{Error, Timeout};

/// A failure of the resolver or the connector: nothing of the request had left.
///
/// ureq's own errors do not tell one that happened before the request was sent from one that happened
/// after: a reset is `Io` in both.
#[derive(Debug)]
pub(crate) struct BeforeSend {
    error: Error,
    resolving: bool,
}

impl BeforeSend {
    /// For the connector's errors. Through a proxy connectors nest: the innermost mark stays.
    pub(crate) fn mark(error: Error) -> Error {
        Self::marked(error, false)
    }

    /// For the resolver's errors.
    pub(crate) fn mark_resolve(error: Error) -> Error {
        Self::marked(error, true)
    }

    fn marked(error: Error, resolving: bool) -> Error {
        match error {
            Error::Other(other) if other.is::<Self>() || other.is::<Forbidden>() => {
                Error::Other(other)
            }
            error => Error::Other(Box::new(Self { error, resolving })),
        }
    }

    fn kind(&self) -> Kind {
        match &self.error {
            Error::Other(other) if other.is::<GaveUp>() => Kind::Cancelled,
            Error::Io(error) if is_out_of_descriptors(error) => Kind::NoDescriptor,
            Error::Timeout(_) if self.resolving => Kind::ConnectTimeout,
            _ if self.resolving => Kind::Resolve,
            Error::Timeout(_) => Kind::ConnectTimeout,
            Error::Io(error) if is_certificate(error) => Kind::Certificate,
            Error::Io(error) if is_tls(error) => Kind::Tls,
            Error::Tls(_) | Error::TlsRequired => Kind::Tls,
            #[cfg(feature = "rustls-no-provider")]
            Error::Rustls(_) => Kind::Tls,
            #[cfg(feature = "native-tls")]
            Error::NativeTls(_) => Kind::Tls,
            _ => Kind::Connect,
        }
    }
}

impl fmt::Display for BeforeSend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

/// [`cause`] takes it apart, so that nobody meets it in a chain.
impl StdError for BeforeSend {}

/// A canceller was used.
#[derive(Debug)]
pub(crate) struct GaveUp;

impl GaveUp {
    pub(crate) fn error() -> Error {
        Error::Other(Box::new(Self))
    }
}

impl fmt::Display for GaveUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("cancelled by the caller")
    }
}

impl StdError for GaveUp {}

/// A name led to no address that may be connected to.
#[derive(Debug)]
pub(crate) struct Forbidden;

impl fmt::Display for Forbidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name leads to no public address")
    }
}

impl StdError for Forbidden {}

/// Why no head came.
pub(crate) fn send_failure(error: Error) -> TransportError {
    let kind = match &error {
        Error::Other(other) if other.is::<Forbidden>() => Kind::ForbiddenAddress,
        Error::Other(other) if other.is::<GaveUp>() => Kind::Abandoned,
        Error::Other(other) => other.downcast_ref().map_or(Kind::Other, BeforeSend::kind),
        // ureq gives these before it writes.
        Error::BadUri(_) | Error::Http(_) | Error::RequireHttpsOnly(_) | Error::InvalidProxyUrl => {
            Kind::Request
        }
        Error::HostNotFound => Kind::Resolve,
        Error::ConnectionFailed | Error::ConnectProxyFailed(_) => Kind::Connect,
        Error::Timeout(Timeout::Resolve | Timeout::Connect) => Kind::ConnectTimeout,
        Error::TlsRequired => Kind::Tls,
        // From here on the request may have left.
        Error::Timeout(_) => Kind::Timeout,
        Error::Io(_) => Kind::Closed,
        Error::Protocol(_) | Error::LargeResponseHeader(..) => Kind::Malformed,
        _ => Kind::Other,
    };
    TransportError::with_source(kind, cause(error))
}

/// Why a body broke off.
pub(crate) fn read_failure(error: io::Error) -> TransportError {
    let error = Error::from(error);
    let kind = match &error {
        Error::Other(other) if other.is::<GaveUp>() => Kind::Abandoned,
        Error::Timeout(_) => Kind::Timeout,
        Error::Protocol(_) => Kind::Malformed,
        _ => Kind::Closed,
    };
    TransportError::with_source(kind, cause(error))
}

/// What ureq's error holds, which its text repeats and its `source` does not give; else ureq's error itself, without
/// what it repeats of the URL, whose query may be a secret.
fn cause(error: Error) -> Box<dyn StdError + Send + Sync> {
    match error {
        Error::Io(error) => error.into(),
        #[cfg(feature = "rustls-no-provider")]
        Error::Rustls(error) => error.into(),
        #[cfg(feature = "native-tls")]
        Error::NativeTls(error) => error.into(),
        Error::Http(error) => error.into(),
        Error::Other(other) => match other.downcast::<BeforeSend>() {
            Ok(before) => cause(before.error),
            Err(other) => other,
        },
        Error::BadUri(_) => "the URL is not one that can be asked".into(),
        Error::RequireHttpsOnly(_) => "the configuration allows https only".into(),
        error => error.into(),
    }
}

/// Whether the process, or the whole machine, has as many files and sockets open as it may.
fn is_out_of_descriptors(error: &io::Error) -> bool {
    #[cfg(unix)]
    const CODES: [i32; 2] = [23, 24];
    #[cfg(not(unix))]
    const CODES: [i32; 1] = [10_024];
    error
        .raw_os_error()
        .is_some_and(|code| CODES.contains(&code))
}

fn is_certificate(error: &io::Error) -> bool {
    #[cfg(feature = "rustls-no-provider")]
    let refused = matches!(
        rustls_error(error),
        Some(rustls::Error::InvalidCertificate(_) | rustls::Error::NoCertificatesPresented)
    );
    #[cfg(not(feature = "rustls-no-provider"))]
    let refused = {
        let _ = error;
        false
    };
    refused
}

fn is_tls(error: &io::Error) -> bool {
    #[cfg(feature = "rustls-no-provider")]
    let tls = rustls_error(error).is_some();
    #[cfg(not(feature = "rustls-no-provider"))]
    let tls = {
        let _ = error;
        false
    };
    tls
}

#[cfg(feature = "rustls-no-provider")]
fn rustls_error(error: &io::Error) -> Option<&rustls::Error> {
    error.get_ref()?.downcast_ref()
}

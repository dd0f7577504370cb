//! What reqwest's errors say of the wire. No decision is taken here.

use std::error::Error as StdError;
use std::io;

use genrex_core::{TransportError, TransportErrorKind as Kind};

use crate::resolver::Forbidden;

/// Why no head came.
pub(crate) fn send_failure(error: reqwest::Error) -> TransportError {
    let kind = if has::<Forbidden>(&error) {
        Kind::ForbiddenAddress
    } else if error.is_connect() {
        // Measured: reqwest says so only before a connection stands, TLS included.
        connect_failure(&error)
    } else if error.is_timeout() {
        Kind::Timeout
    } else if is_not_http(&error) {
        Kind::Malformed
    } else {
        Kind::Closed
    };
    TransportError::with_source(kind, error.without_url())
}

/// Why a body broke off.
pub(crate) fn read_failure(error: reqwest::Error) -> TransportError {
    let kind = if error.is_timeout() {
        Kind::Timeout
    } else {
        Kind::Closed
    };
    TransportError::with_source(kind, error.without_url())
}

fn connect_failure(error: &reqwest::Error) -> Kind {
    if is_certificate(error) {
        Kind::Certificate
    } else if is_out_of_descriptors(error) {
        Kind::NoDescriptor
    } else if error.is_timeout() {
        Kind::ConnectTimeout
    } else if error.is_dns() {
        Kind::Resolve
    } else if is_tls(error) {
        Kind::Tls
    } else {
        Kind::Connect
    }
}

/// Whether the process, or the whole machine, has as many files and sockets open as it may.
fn is_out_of_descriptors(error: &reqwest::Error) -> bool {
    #[cfg(unix)]
    const CODES: [i32; 2] = [23, 24];
    #[cfg(not(unix))]
    const CODES: [i32; 1] = [10_024];
    let codes = payloads(error)
        .filter_map(|payload| payload.downcast_ref())
        .filter_map(io::Error::raw_os_error);
    codes.into_iter().any(|code| CODES.contains(&code))
}

fn is_not_http(error: &reqwest::Error) -> bool {
    payloads(error)
        .filter_map(|payload| payload.downcast_ref::<hyper::Error>())
        .any(hyper::Error::is_parse)
}

fn is_certificate(error: &reqwest::Error) -> bool {
    #[cfg(feature = "rustls-no-provider")]
    let refused = payloads(error).any(|payload| {
        matches!(
            payload.downcast_ref::<rustls::Error>(),
            Some(rustls::Error::InvalidCertificate(_) | rustls::Error::NoCertificatesPresented)
        )
    });
    #[cfg(not(feature = "rustls-no-provider"))]
    let refused = {
        let _ = error;
        false
    };
    refused
}

fn is_tls(error: &reqwest::Error) -> bool {
    #[cfg(feature = "rustls-no-provider")]
    let tls = payloads(error).any(<dyn StdError>::is::<rustls::Error>);
    #[cfg(not(feature = "rustls-no-provider"))]
    let tls = {
        let _ = error;
        false
    };
    tls
}

fn has<T: StdError + 'static>(error: &(dyn StdError + 'static)) -> bool {
    payloads(error).any(<dyn StdError>::is::<T>)
}

fn chain<'a>(
    error: &'a (dyn StdError + 'static),
) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |error| {
        let error: &'a (dyn StdError + 'static) = *error;
        error.source()
    })
}

/// The chain of causes, and what the I/O errors among them carry, which `source` passes over.
fn payloads<'a>(
    error: &'a (dyn StdError + 'static),
) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    chain(error).flat_map(|cause| {
        std::iter::successors(Some(cause), |cause| {
            let io = cause.downcast_ref::<io::Error>()?;
            let inner: &(dyn StdError + 'static) = io.get_ref()?;
            Some(inner)
        })
    })
}

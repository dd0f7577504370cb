//! One span per operation, and in it one client span per attempt, with OpenTelemetry's HTTP names.
//!
//! Invariant: no header, no body and no query goes into a span: a signature, a key and a presigned URL's
//! query are secrets.

use tracing::Span;
use tracing::field::Empty;

use crate::machine::Outgoing;
use crate::transport::TransportError;

/// The span around all attempts of an operation.
pub(crate) fn operation(name: &'static str) -> Span {
    tracing::info_span!(target: "genrex", "operation", otel.name = name, otel.kind = "internal")
}

/// The span of the attempt under way.
#[derive(Debug)]
pub(crate) struct Attempt(Span);

impl Attempt {
    pub(crate) fn none() -> Self {
        Self(Span::none())
    }

    pub(crate) fn start(outgoing: &Outgoing) -> Self {
        let uri = outgoing.request.uri();
        let scheme = uri.scheme_str().unwrap_or_default();
        let host = uri.host().unwrap_or_default();
        let port = uri
            .port_u16()
            .unwrap_or(if scheme == "http" { 80 } else { 443 });
        let query = if uri.query().is_some() {
            "?REDACTED"
        } else {
            ""
        };
        Self(tracing::info_span!(
            target: "genrex",
            "attempt",
            otel.name = %format_args!("{} {}", outgoing.request.method(), uri.path()),
            otel.kind = "client",
            http.request.method = %outgoing.request.method(),
            http.request.resend_count = outgoing.resend_count,
            http.response.status_code = Empty,
            server.address = host,
            server.port = port,
            url.full = %format_args!("{scheme}://{host}:{port}{}{query}", uri.path()),
            error.r#type = Empty,
        ))
    }

    pub(crate) fn span(&self) -> Span {
        self.0.clone()
    }

    pub(crate) fn answered(&self, head: &http::response::Parts) {
        let status = head.status;
        self.0.record("http.response.status_code", status.as_u16());
        if status.is_client_error() || status.is_server_error() {
            self.0.record("error.type", status.as_str());
        }
    }

    pub(crate) fn failed(&self, error: &TransportError) {
        self.0
            .record("error.type", tracing::field::debug(error.kind()));
    }
}

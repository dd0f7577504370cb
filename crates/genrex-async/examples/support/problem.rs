//! How a service answers what went wrong.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use genrex_async::{Error, ErrorKind};
use serde_json::{Value, json};
use tokio::task::JoinError;

pub(crate) struct Problem(pub(crate) StatusCode, pub(crate) Value);

impl From<JoinError> for Problem {
    /// The purchase panicked: what is in the ledger is recovered at the next start.
    fn from(error: JoinError) -> Self {
        let body = json!({ "error": error.to_string(), "mayHaveBeenCharged": true });
        Self(StatusCode::INTERNAL_SERVER_ERROR, body)
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let status = match error.kind() {
            ErrorKind::InvalidInput => StatusCode::UNPROCESSABLE_ENTITY,
            ErrorKind::NotFound => StatusCode::NOT_FOUND,
            ErrorKind::OverLimit | ErrorKind::OutOfCredit => StatusCode::PAYMENT_REQUIRED,
            ErrorKind::RateLimited | ErrorKind::PriceUnknown => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::BAD_GATEWAY,
        };
        Self(status, describe(&error))
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        (self.0, Json(self.1)).into_response()
    }
}

/// What a caller is told. An ambiguous purchase is in the ledger under its local id, for a person to settle.
pub(crate) fn describe(error: &Error) -> Value {
    json!({
        "error": error.to_string(),
        "id": error.query_id(),
        "localId": error.local_id(),
        "mayHaveBeenCharged": error.may_have_been_charged(),
    })
}

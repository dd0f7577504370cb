use serde::Serialize;

use crate::QueryId;
use crate::generate::to_json;

/// The body of `retrieve`. Free, reads only.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RetrieveRequest {
    query_id: QueryId,
}

impl RetrieveRequest {
    /// Asks after one job.
    #[must_use]
    pub const fn new(query_id: QueryId) -> Self {
        Self { query_id }
    }

    /// The bytes to sign and to send: `{"queryId":"QRY_…"}`.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        to_json(self)
    }
}

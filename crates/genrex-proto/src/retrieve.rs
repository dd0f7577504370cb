use serde::{Deserialize, Serialize};

use crate::generate::to_json;
use crate::{Charge, Error, Generation, Operation, QueryId};

/// The body of `retrieve`. Free, reads only.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RetrieveRequest {
    query_id: QueryId,
}

impl RetrieveRequest {
    /// Asks for the state of one job.
    #[must_use]
    pub const fn new(query_id: QueryId) -> Self {
        Self { query_id }
    }

    /// The job.
    #[must_use]
    pub const fn query_id(&self) -> &QueryId {
        &self.query_id
    }

    /// The bytes to sign and to send: `{"queryId":"QRY_…"}`.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        to_json(self)
    }
}

impl Operation for RetrieveRequest {
    const NAME: &'static str = "retrieve";
    const PATH: &'static str = "/v1/text2music/retrieve";
    const CHARGE: Charge = Charge::Free;
    type Answer = Generation;

    fn to_json(&self) -> Vec<u8> {
        Self::to_json(self)
    }

    fn read(answer: &[u8]) -> Result<Generation, Error> {
        Generation::from_json(answer)
    }
}

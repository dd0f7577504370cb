use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::error::decode;
use crate::generate::to_json;
use crate::lenient::{optional, whole};
use crate::redact::debug_json;
use crate::{Charge, Error, Operation, Timestamp};

/// The body of `getBalance`: `{}` exactly. Free, reads only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(from = "Empty", into = "Empty")]
pub struct BalanceRequest;

impl BalanceRequest {
    /// The bytes to sign and to send.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        to_json(self)
    }
}

impl Operation for BalanceRequest {
    const NAME: &'static str = "getBalance";
    const PATH: &'static str = "/v1/text2music/getBalance";
    const CHARGE: Charge = Charge::Free;
    type Answer = Balance;

    fn to_json(&self) -> Vec<u8> {
        Self::to_json(self)
    }

    fn read(answer: &[u8]) -> Result<Balance, Error> {
        Balance::from_json(answer)
    }
}

/// An object without fields, which is what a unit struct is not in JSON.
#[derive(Serialize, Deserialize)]
struct Empty {}

impl From<Empty> for BalanceRequest {
    fn from(_: Empty) -> Self {
        Self
    }
}

impl From<BalanceRequest> for Empty {
    fn from(_: BalanceRequest) -> Self {
        Self {}
    }
}

/// The account's credits.
///
/// Reads the names of both sources, mixed too; where an answer has both for one number, the
/// reference's counts. Serialises to the reference's names. `Debug` shows the JSON.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", try_from = "Wire")]
#[non_exhaustive]
pub struct Balance {
    /// How many credits the account was given, in all (`totalCreditQuota`, `creditQuota`).
    pub total_credit_quota: u64,
    /// How many of them are spent (`creditsUsed`, `usedCredit`).
    pub credits_used: u64,
    /// The longest piece that the account may ask for, in seconds (`maxDurationSeconds`,
    /// `durationLimit`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_duration_seconds: Option<u64>,
    /// Whose it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
    /// When the account was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
    /// When the account last changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub updated_at: Option<Timestamp>,
    /// Fields that this version does not know.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

impl Balance {
    /// An account of this quota and use, and nothing else: for tests, and for whoever plays the service.
    #[must_use]
    pub fn new(total_credit_quota: u64, credits_used: u64) -> Self {
        Self {
            total_credit_quota,
            credits_used,
            max_duration_seconds: None,
            user_id: None,
            created_at: None,
            updated_at: None,
            extra: Map::new(),
        }
    }

    /// Reads an answer of either dialect.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::UnreadableAnswer`](crate::ErrorKind) when it is not JSON, or the quota or the use
    /// is missing or no whole number.
    pub fn from_json(json: &[u8]) -> Result<Self, Error> {
        decode(json)
    }

    /// How many credits were used since an earlier balance; 0 if some were given back meanwhile.
    #[must_use]
    pub const fn used_since(&self, earlier: &Self) -> u64 {
        self.credits_used.saturating_sub(earlier.credits_used)
    }

    /// How many more credits are left than at an earlier look, negative if fewer; at most what a signed number holds.
    #[must_use]
    pub fn change_since(&self, earlier: &Self) -> i64 {
        let change = i128::from(self.credits_left()) - i128::from(earlier.credits_left());
        let most = if change < 0 { i64::MIN } else { i64::MAX };
        i64::try_from(change).unwrap_or(most)
    }

    /// Credits that can still be spent; 0 when more is spent than was given.
    #[must_use]
    pub const fn credits_left(&self) -> u64 {
        self.total_credit_quota.saturating_sub(self.credits_used)
    }
}

impl fmt::Debug for Balance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        debug_json("Balance", self, f)
    }
}

/// Both sets of names.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire {
    #[serde(default, deserialize_with = "whole")]
    total_credit_quota: Option<u64>,
    #[serde(default, deserialize_with = "whole")]
    credit_quota: Option<u64>,
    #[serde(default, deserialize_with = "whole")]
    credits_used: Option<u64>,
    #[serde(default, deserialize_with = "whole")]
    used_credit: Option<u64>,
    #[serde(default, deserialize_with = "optional")]
    max_duration_seconds: Option<u64>,
    #[serde(default, deserialize_with = "optional")]
    duration_limit: Option<u64>,
    #[serde(default, deserialize_with = "optional")]
    user_id: Option<String>,
    #[serde(default, deserialize_with = "optional")]
    created_at: Option<Timestamp>,
    #[serde(default, deserialize_with = "optional")]
    updated_at: Option<Timestamp>,
    #[serde(flatten)]
    extra: Map<String, Value>,
}

impl TryFrom<Wire> for Balance {
    type Error = &'static str;

    fn try_from(wire: Wire) -> Result<Self, Self::Error> {
        Ok(Self {
            total_credit_quota: wire
                .total_credit_quota
                .or(wire.credit_quota)
                .ok_or("neither `totalCreditQuota` nor `creditQuota` is there")?,
            credits_used: wire
                .credits_used
                .or(wire.used_credit)
                .ok_or("neither `creditsUsed` nor `usedCredit` is there")?,
            max_duration_seconds: wire.max_duration_seconds.or(wire.duration_limit),
            user_id: wire.user_id,
            created_at: wire.created_at,
            updated_at: wire.updated_at,
            extra: wire.extra,
        })
    }
}

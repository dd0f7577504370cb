use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::Error;
use crate::error::ErrorKind;

/// What the account's balance shows of an ambiguous submit. It never claims more than that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Reconciliation {
    /// It moved by what such a job costs, once, while nothing else was on its way.
    Charged,
    /// It did not move for the whole settling time, and this account is charged at the submit.
    NotCharged,
    /// It does not tell, and why.
    Inconclusive(Doubt),
}

impl Reconciliation {
    /// The name in the storage and in `genrex jobs`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Charged => "charged",
            Self::NotCharged => "notCharged",
            Self::Inconclusive(_) => "inconclusive",
        }
    }
}

impl fmt::Display for Reconciliation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Charged => f.write_str("it was charged"),
            Self::NotCharged => f.write_str("it was not charged"),
            Self::Inconclusive(doubt) => write!(f, "the balance does not tell: {doubt}"),
        }
    }
}

/// Why a balance does not tell whether a submit was charged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum Doubt {
    /// The balance before it was not looked at.
    NoLookBefore,
    /// The balance was not looked at since.
    NoLookSince,
    /// Other jobs of the account were on their way, unclear or unsettled since.
    OtherJobs,
    /// What such a job costs has not been observed.
    PriceUnknown,
    /// It is not known well enough when this account is charged: at least three jobs that went alone have to
    /// have shown it, each at the submit.
    ChargeTimeUnknown,
    /// The service may still deliver it: the settling time is over at this service time, in milliseconds
    /// since 1970.
    NotSettled {
        /// When a look tells more.
        until: u64,
    },
    /// The balance moved, but not by what such a job costs, or the account changed without a charge.
    OtherMovement,
}

impl Doubt {
    /// The name, without the time of [`NotSettled`](Self::NotSettled): a storage keeps the serialised form.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NoLookBefore => "noLookBefore",
            Self::NoLookSince => "noLookSince",
            Self::OtherJobs => "otherJobs",
            Self::PriceUnknown => "priceUnknown",
            Self::ChargeTimeUnknown => "chargeTimeUnknown",
            Self::NotSettled { .. } => "notSettled",
            Self::OtherMovement => "otherMovement",
        }
    }
}

impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoLookBefore => "nobody looked at it before the submit",
            Self::NoLookSince => "nobody has looked at it since",
            Self::OtherJobs => {
                "other jobs of the account were under way, unclear or unsettled since"
            }
            Self::PriceUnknown => "what such a job costs has not been observed",
            Self::ChargeTimeUnknown => {
                "too few jobs have shown that this account is charged at the submit"
            }
            Self::NotSettled { .. } => "the service may still charge it",
            Self::OtherMovement => "it moved, but not by what such a job costs",
        })
    }
}

impl AsRef<str> for Reconciliation {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl TryFrom<&str> for Reconciliation {
    type Error = Error;

    fn try_from(name: &str) -> Result<Self, Error> {
        name.parse()
    }
}

impl FromStr for Reconciliation {
    type Err = Error;

    /// Reads a name of [`as_str`](Self::as_str), or of a [`Doubt`].
    fn from_str(name: &str) -> Result<Self, Error> {
        let doubts = [
            Doubt::NoLookBefore,
            Doubt::NoLookSince,
            Doubt::OtherJobs,
            Doubt::PriceUnknown,
            Doubt::ChargeTimeUnknown,
            Doubt::NotSettled { until: 0 },
            Doubt::OtherMovement,
        ];
        match name {
            "charged" => Ok(Self::Charged),
            "notCharged" => Ok(Self::NotCharged),
            // A ledger of version 1 kept no reason.
            "inconclusive" => Ok(Self::Inconclusive(Doubt::OtherMovement)),
            _ => doubts
                .into_iter()
                .find(|doubt| doubt.as_str() == name)
                .map(Self::Inconclusive)
                .ok_or_else(|| {
                    Error::new(
                        ErrorKind::Unreadable,
                        format!("{name:?} is no reconciliation"),
                    )
                }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_balance_shows_has_a_name_that_is_read_back_and_words() {
        let doubt = Reconciliation::Inconclusive;
        for (found, name, words) in [
            (Reconciliation::Charged, "charged", "it was charged"),
            (
                Reconciliation::NotCharged,
                "notCharged",
                "it was not charged",
            ),
            (
                doubt(Doubt::NoLookBefore),
                "noLookBefore",
                "before the submit",
            ),
            (
                doubt(Doubt::NoLookSince),
                "noLookSince",
                "looked at it since",
            ),
            (doubt(Doubt::OtherJobs), "otherJobs", "other jobs"),
            (
                doubt(Doubt::PriceUnknown),
                "priceUnknown",
                "has not been observed",
            ),
            (
                doubt(Doubt::ChargeTimeUnknown),
                "chargeTimeUnknown",
                "too few jobs",
            ),
            (
                doubt(Doubt::NotSettled { until: 0 }),
                "notSettled",
                "may still charge it",
            ),
            (
                doubt(Doubt::OtherMovement),
                "otherMovement",
                "it moved, but not by",
            ),
        ] {
            assert_eq!(name.parse::<Reconciliation>().unwrap(), found);
            assert_eq!(Reconciliation::try_from(name).unwrap(), found);
            assert!(found.to_string().contains(words), "{found}");
            let own_name = match found {
                Reconciliation::Inconclusive(doubt) => {
                    assert_eq!(found.as_str(), "inconclusive");
                    assert!(found.to_string().starts_with("the balance does not tell: "));
                    doubt.as_str()
                }
                Reconciliation::Charged | Reconciliation::NotCharged => found.as_str(),
            };
            assert_eq!((own_name, found.as_ref()), (name, found.as_str()));
        }
        let of_version_1 = "inconclusive".parse::<Reconciliation>().unwrap();
        assert_eq!(of_version_1, doubt(Doubt::OtherMovement));
        "lost".parse::<Reconciliation>().unwrap_err();
    }
}

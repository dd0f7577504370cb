use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::str::FromStr;
use std::time::Duration;

use crate::incident::{Incident, Others};
use crate::price::{Price, PriceChange};

/// How a sandbox behaves.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Options {
    /// Where the API listens; a loopback address, port 0 for any. The storage takes a port of its own.
    pub listen: SocketAddr,
    /// What ids and music are made from: the same seed and requests make the same.
    pub seed: u64,
    /// How long a job takes.
    pub render_time: Duration,
    /// How many credits the account was given.
    pub quota: u64,
    /// What a piece costs, in credits.
    pub price: Price,
    /// Another price, after so many jobs.
    pub price_change: Option<PriceChange>,
    /// When a job is charged.
    pub charge: ChargeTime,
    /// Whether a job that fails is given back what it was charged.
    pub refunds_failures: bool,
    /// What happens at which submit.
    pub incidents: Vec<Incident>,
    /// Other clients of the account.
    pub others: Option<Others>,
    /// How far its clock is ahead of the time that it is told, in milliseconds; negative if behind.
    pub clock_offset: i64,
    /// The longest piece that the account may ask for, in seconds.
    pub max_duration: u8,
    /// How far a signature's time may be from the sandbox's, either way.
    pub tolerance: Duration,
    /// How long a link to audio works.
    pub link_lifetime: Duration,
    /// Which of the two dialects it answers in.
    pub dialect: Dialect,
    /// The API key that it knows.
    pub api_key: String,
    /// The secret that belongs to it.
    pub api_secret: String,
    /// Further keys of the same account, with their secrets.
    pub other_keys: Vec<(String, String)>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            seed: 0,
            render_time: Duration::from_secs(2),
            quota: 10_000,
            price: Price::default(),
            price_change: None,
            charge: ChargeTime::AtSubmit,
            refunds_failures: false,
            incidents: Vec::new(),
            others: None,
            clock_offset: 0,
            max_duration: 60,
            tolerance: Duration::from_secs(300),
            link_lifetime: Duration::from_secs(900),
            dialect: Dialect::QuickStart,
            api_key: String::from("sandbox-key"),
            api_secret: String::from("sandbox-secret"),
            other_keys: Vec::new(),
        }
    }
}

/// Which form the answers have. Requests are the same in both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Dialect {
    /// As the quick start's code reads them: an asset's `content` is an object, and the balance has
    /// `creditQuota`, `usedCredit` and `durationLimit`.
    #[default]
    QuickStart,
    /// As the API reference writes them: `content` is an array, and the balance has
    /// `totalCreditQuota`, `creditsUsed` and `maxDurationSeconds`.
    Reference,
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::QuickStart => "quick-start",
            Self::Reference => "reference",
        })
    }
}

impl FromStr for Dialect {
    type Err = &'static str;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        match name {
            "quick-start" => Ok(Self::QuickStart),
            "reference" => Ok(Self::Reference),
            _ => Err("a dialect is `quick-start` or `reference`"),
        }
    }
}

/// When a job's credits are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum ChargeTime {
    /// When it is accepted; one that fails is not given back, unless [`Options::refunds_failures`] says so.
    #[default]
    AtSubmit,
    /// When it is completed; until then its credits are held.
    AtCompletion,
    /// So long after it was completed; until then its credits are held.
    Late(Duration),
    /// So many credits when it is accepted, and the others when it is completed.
    InParts(u64),
}

/// `submit`, `completion`, `completion+2000ms`, `parts:1`.
impl fmt::Display for ChargeTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtSubmit => f.pad("submit"),
            Self::AtCompletion => f.pad("completion"),
            Self::Late(late) => f.pad(&format!("completion+{}ms", late.as_millis())),
            Self::InParts(first) => f.pad(&format!("parts:{first}")),
        }
    }
}

impl FromStr for ChargeTime {
    type Err = &'static str;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let late = name.strip_prefix("completion+").and_then(time);
        let first = name
            .strip_prefix("parts:")
            .and_then(|credits| credits.parse().ok());
        match (name, late, first) {
            ("submit", ..) => Ok(Self::AtSubmit),
            ("completion", ..) => Ok(Self::AtCompletion),
            (_, Some(late), _) => Ok(Self::Late(late)),
            (_, _, Some(first)) => Ok(Self::InParts(first)),
            _ => Err(
                "a job is charged at `submit`, at `completion`, at `completion+2s` or in `parts:1`",
            ),
        }
    }
}

/// A time with its unit, such as `500ms` or `10m`.
pub(crate) fn time(text: &str) -> Option<Duration> {
    let parsed: jiff::SignedDuration = text.parse().ok()?;
    Duration::try_from(parsed).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_choice_is_read_as_it_is_shown() {
        for charge in [
            ChargeTime::AtSubmit,
            ChargeTime::AtCompletion,
            ChargeTime::Late(Duration::from_millis(1_500)),
            ChargeTime::InParts(3),
        ] {
            assert_eq!(charge.to_string().parse(), Ok(charge));
        }
        for dialect in [Dialect::QuickStart, Dialect::Reference] {
            assert_eq!(dialect.to_string().parse(), Ok(dialect));
        }
    }
}

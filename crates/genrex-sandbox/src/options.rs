use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::str::FromStr;
use std::time::Duration;

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
    /// What a second of music costs, in credits.
    pub price: u64,
    /// When a job is charged.
    pub charge: Charge,
    /// The longest piece that the account may ask for, in seconds.
    pub max_duration: u8,
    /// How far a signature's time may be from the sandbox's, either way.
    pub tolerance: Duration,
    /// How long a link to audio works.
    pub link_lifetime: Duration,
    /// Which of the two dialects it answers in.
    pub dialect: Dialect,
    /// The one API key that it knows.
    pub api_key: String,
    /// The secret that belongs to it.
    pub api_secret: String,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            seed: 0,
            render_time: Duration::from_secs(2),
            quota: 10_000,
            price: 1,
            charge: Charge::AtSubmit,
            max_duration: 60,
            tolerance: Duration::from_secs(300),
            link_lifetime: Duration::from_secs(900),
            dialect: Dialect::QuickStart,
            api_key: String::from("sandbox-key"),
            api_secret: String::from("sandbox-secret"),
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
pub enum Charge {
    /// When it is accepted; one that fails is not given back.
    #[default]
    AtSubmit,
    /// When it is completed; until then its credits are held.
    AtCompletion,
}

impl fmt::Display for Charge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::AtSubmit => "submit",
            Self::AtCompletion => "completion",
        })
    }
}

impl FromStr for Charge {
    type Err = &'static str;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        match name {
            "submit" => Ok(Self::AtSubmit),
            "completion" => Ok(Self::AtCompletion),
            _ => Err("a job is charged at `submit` or at `completion`"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_choice_is_read_as_it_is_shown() {
        for charge in [Charge::AtSubmit, Charge::AtCompletion] {
            assert_eq!(charge.to_string().parse(), Ok(charge));
        }
        for dialect in [Dialect::QuickStart, Dialect::Reference] {
            assert_eq!(dialect.to_string().parse(), Ok(dialect));
        }
    }
}

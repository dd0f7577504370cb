use genrex_ledger::Limits;

use crate::{Error, ErrorKind};

/// Whether a purchase that a ledger keeps begins with a look at the balance, and what may be spent.
///
/// They are one value, since no limit can be kept without the look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BalanceCheck {
    /// It does, which is one free call, and it must fit these limits; [`Limits::default`] bounds nothing.
    Within(Limits),
    /// It does not: nothing is limited, and no ambiguous submit can be reconciled.
    Skipped,
}

impl BalanceCheck {
    /// Of limits, and whether the balance is looked at.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Configuration`] for limits that nobody looks at the balance for.
    pub fn new(limits: Limits, is_looked_at: bool) -> Result<Self, Error> {
        match is_looked_at {
            true => Ok(Self::Within(limits)),
            false if limits.is_none() => Ok(Self::Skipped),
            false => Err(Error::new(
                ErrorKind::Configuration,
                "limits can only be kept by a look at the balance before each purchase",
            )),
        }
    }

    /// What may be spent.
    #[must_use]
    pub fn limits(self) -> Limits {
        match self {
            Self::Within(limits) => limits,
            Self::Skipped => Limits::default(),
        }
    }
}

impl Default for BalanceCheck {
    /// A look, and no limit.
    fn default() -> Self {
        Self::Within(Limits::default())
    }
}

impl From<Limits> for BalanceCheck {
    fn from(limits: Limits) -> Self {
        Self::Within(limits)
    }
}

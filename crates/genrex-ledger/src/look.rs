use serde::{Deserialize, Serialize};

/// A look at an account's balance: what `getBalance` said, and when.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Look {
    /// The credits used, of all time.
    pub used: u64,
    /// When the account last changed, in the service's own words.
    pub changed: Option<String>,
    /// The service's time: its answer's `Date`, in milliseconds since 1970. `None` where it sent none: then
    /// this machine's clock is what there is.
    pub at: Option<u64>,
}

impl Look {
    /// A look that showed so many credits used.
    #[must_use]
    pub const fn new(used: u64) -> Self {
        Self {
            used,
            changed: None,
            at: None,
        }
    }

    /// With when the account last changed.
    #[must_use]
    pub fn changed(mut self, changed: impl Into<String>) -> Self {
        self.changed = Some(changed.into());
        self
    }

    /// With the service's time, in milliseconds since 1970.
    #[must_use]
    pub const fn at(mut self, millis: u64) -> Self {
        self.at = Some(millis);
        self
    }

    /// Whether it shows the very same as another.
    #[must_use]
    pub fn is_like(&self, other: &Self) -> bool {
        self.used == other.used && self.changed == other.changed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_are_alike_if_they_show_the_same_use_and_the_same_change() {
        let look = Look::new(10).changed("monday").at(5);
        assert!(look.is_like(&look.clone().at(9)));
        for other in [
            Look::new(11).changed("monday").at(5),
            Look::new(10).changed("tuesday").at(5),
            Look::new(10).at(5),
        ] {
            assert!(!look.is_like(&other) && !other.is_like(&look), "{other:?}");
        }
    }
}

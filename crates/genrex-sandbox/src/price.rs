use std::str::FromStr;

/// What a piece costs, by its duration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Price {
    /// So many credits a second.
    PerSecond(u64),
    /// So many credits a piece.
    Flat(u64),
    /// So many credits a piece, and more for each 5 seconds that are begun.
    Stepped {
        /// Of each piece.
        base: u64,
        /// Of each 5 seconds.
        per_five: u64,
    },
}

impl Price {
    /// What a piece of so many seconds costs, in credits.
    #[must_use]
    pub fn of(self, seconds: u8) -> u64 {
        match self {
            Self::PerSecond(credits) => credits.saturating_mul(u64::from(seconds)),
            Self::Flat(credits) => credits,
            Self::Stepped { base, per_five } => {
                base.saturating_add(per_five.saturating_mul(u64::from(seconds.div_ceil(5))))
            }
        }
    }
}

impl Default for Price {
    fn default() -> Self {
        Self::PerSecond(1)
    }
}

/// `3` is 3 credits a second, `flat:10` is 10 a piece, `8+1/5s` is 8 a piece and 1 for each 5 seconds.
impl FromStr for Price {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let read = |text: &str| text.parse().ok();
        let stepped = |text: &str| {
            let (base, per_five) = text.strip_suffix("/5s")?.split_once('+')?;
            Some(Self::Stepped {
                base: read(base)?,
                per_five: read(per_five)?,
            })
        };
        let flat = |text: &str| text.strip_prefix("flat:").and_then(read).map(Self::Flat);
        let price = read(text).map(Self::PerSecond);
        price
            .or_else(|| flat(text))
            .or_else(|| stepped(text))
            .ok_or("a price is as `1` (a second), `flat:10` (a piece) or `8+1/5s`")
    }
}

/// Another price, after so many jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PriceChange {
    /// How many jobs are still taken at the first price.
    pub after: u64,
    /// What all others cost.
    pub price: Price,
}

/// `20:flat:15`: 20 jobs, and then 15 credits a piece.
impl FromStr for PriceChange {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = "a change is as `20:flat:15`: after how many jobs, and which price";
        let (after, price) = text.split_once(':').ok_or(wrong)?;
        Ok(Self {
            after: after.parse().map_err(|_| wrong)?,
            price: price.parse()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_price_is_read_and_depends_on_the_duration_as_it_says() {
        let of = |text: &str, seconds| text.parse::<Price>().unwrap().of(seconds);
        assert_eq!([of("3", 5), of("3", 60)], [15, 180]);
        assert_eq!([of("flat:10", 5), of("flat:10", 60)], [10, 10]);
        assert_eq!(
            [of("8+1/5s", 5), of("8+1/5s", 6), of("8+1/5s", 60)],
            [9, 10, 20]
        );
        for wrong in ["", "a", "flat:", "8+/5s", "8+1", "-1"] {
            wrong.parse::<Price>().unwrap_err();
        }
        let change: PriceChange = "20:flat:15".parse().unwrap();
        assert_eq!((change.after, change.price), (20, Price::Flat(15)));
        "20".parse::<PriceChange>().unwrap_err();
    }
}

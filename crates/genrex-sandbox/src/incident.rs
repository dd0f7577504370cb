use std::str::FromStr;
use std::time::Duration;

use crate::options::time;

/// Something that happens at one submit: the first submit that is well formed is number 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Incident {
    /// At which submit.
    pub submit: u64,
    /// What happens.
    pub what: Trouble,
}

/// What can happen at a submit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Trouble {
    /// The job is taken, and the answer is a 303.
    SeeOther,
    /// No job is taken, the account is charged all the same, and the answer is a 429.
    ChargedRefusal,
    /// The answer is a 504, and the job is taken so much later.
    TakenLater(Duration),
    /// Another client of the account spends so much, or is given back so much if it is negative, right after the
    /// job is taken.
    Others(i64),
}

/// `3:303`, `3:429`, `3:504+40s`, `3:others:-4`.
impl FromStr for Incident {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = "an incident is as `3:303`, `3:429`, `3:504+40s` or `3:others:-4`";
        let (submit, what) = text.split_once(':').ok_or(wrong)?;
        let what = match what {
            "303" => Trouble::SeeOther,
            "429" => Trouble::ChargedRefusal,
            _ => later(what).or_else(|| others(what)).ok_or(wrong)?,
        };
        Ok(Self {
            submit: submit.parse().map_err(|_| wrong)?,
            what,
        })
    }
}

fn later(text: &str) -> Option<Trouble> {
    time(text.strip_prefix("504+")?).map(Trouble::TakenLater)
}

fn others(text: &str) -> Option<Trouble> {
    let credits = text.strip_prefix("others:")?;
    credits.parse().ok().map(Trouble::Others)
}

/// Other clients of the account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Others {
    /// The most credits that they spend, or are given back, at a time.
    pub most: u64,
    /// How often.
    pub every: Duration,
}

/// `5/10s`: at most 5 credits every 10 seconds.
impl FromStr for Others {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = "other clients are as `5/10s`: at most so many credits, so often";
        let (most, every) = text.split_once('/').ok_or(wrong)?;
        Ok(Self {
            most: most.parse().map_err(|_| wrong)?,
            every: time(every).filter(|every| !every.is_zero()).ok_or(wrong)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_happens_is_read() {
        let what = |text: &str| text.parse::<Incident>().unwrap().what;
        assert_eq!(what("3:303"), Trouble::SeeOther);
        assert_eq!(what("3:429"), Trouble::ChargedRefusal);
        let later = Trouble::TakenLater(Duration::from_secs(40));
        assert_eq!(what("3:504+40s"), later);
        assert_eq!(what("1:others:-4"), Trouble::Others(-4));
        for wrong in ["303", "x:303", "1:500", "1:504", "1:others:"] {
            wrong.parse::<Incident>().unwrap_err();
        }
        let others: Others = "5/10s".parse().unwrap();
        assert_eq!((others.most, others.every.as_secs()), (5, 10));
        "5/0s".parse::<Others>().unwrap_err();
    }
}

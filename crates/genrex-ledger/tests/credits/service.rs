//! A service that counts: what a job costs, and when that shows, can be set.

use std::collections::BTreeMap;

use genrex_ledger::Look;

/// When everything begins by the service's clock, in milliseconds since 1970.
pub(crate) const START: u64 = 1_700_000_000_000;
pub(crate) const SECOND: u64 = 1_000;
pub(crate) const MINUTE: u64 = 60 * SECOND;
pub(crate) const HOUR: u64 = 60 * MINUTE;

/// What jobs cost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Price {
    /// The same, whatever the duration.
    Flat(u64),
    /// So much, and one credit more for each five seconds.
    PerFiveSeconds(u64),
    /// One price for the first job, another for the others.
    FirstThen(u64, u64),
    /// One until so long after the start, in milliseconds, and another from then on.
    Changes(u64, u64, u64),
}

/// When a part of a job's price is charged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum When {
    Submit,
    Completion,
}

/// A part of the price: out of a hundred, when, and how long after that, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) percent: u64,
    pub(crate) when: When,
    pub(crate) lag: u64,
}

/// What becomes of the price of a job that fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failure {
    Free,
    Charged,
    /// What was charged before is given back.
    Refunded,
}

#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) price: Price,
    pub(crate) parts: Vec<Part>,
    pub(crate) failure: Failure,
    /// How long a job takes, in milliseconds.
    pub(crate) takes: u64,
    /// Whether its answers carry a date, and its balance the time of its last change.
    pub(crate) tells_date: bool,
    /// From when its date stands still, and until when, in milliseconds after the start.
    pub(crate) date_stops: Option<(u64, u64)>,
    pub(crate) tells_change: bool,
}

impl Settings {
    pub(crate) fn new(price: Price) -> Self {
        Self {
            price,
            parts: vec![Part {
                percent: 100,
                when: When::Submit,
                lag: 0,
            }],
            failure: Failure::Free,
            takes: 20 * SECOND,
            tells_date: true,
            date_stops: None,
            tells_change: true,
        }
    }

    /// Charged in parts: out of a hundred, when, and how long after that.
    pub(crate) fn charged(mut self, parts: &[(u64, When, u64)]) -> Self {
        self.parts = parts
            .iter()
            .map(|&(percent, when, lag)| Part { percent, when, lag })
            .collect();
        self
    }

    /// The longest time from a job's end to a charge of it.
    pub(crate) fn longest_lag(&self) -> u64 {
        self.parts.iter().map(|part| part.lag).max().unwrap_or(0)
    }
}

/// A job, as the service knows it.
#[derive(Debug, Clone)]
pub(crate) struct Job {
    pub(crate) cost: u64,
    pub(crate) over_at: u64,
    pub(crate) fails: bool,
    /// What was charged for it so far, and when.
    pub(crate) charges: Vec<(u64, u64)>,
}

/// A job's state, as `retrieve` tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    Processing,
    Completed,
    Failed,
}

#[derive(Debug, Clone, Copy)]
enum Change {
    Charge(usize, u64),
    Refund(usize),
    Other(i64),
}

/// A service with one account.
#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) settings: Settings,
    pub(crate) now: u64,
    pub(crate) used: u64,
    pub(crate) jobs: Vec<Job>,
    /// What other clients bought, and when.
    pub(crate) others: Vec<(u64, u64)>,
    /// What our failed jobs were given back.
    pub(crate) given_back: u64,
    /// What other clients were given back.
    pub(crate) refunded: u64,
    changed_at: u64,
    due: BTreeMap<(u64, usize), Change>,
}

impl Service {
    pub(crate) fn new(settings: Settings) -> Self {
        Self {
            settings,
            now: START,
            used: 0,
            jobs: Vec::new(),
            others: Vec::new(),
            given_back: 0,
            refunded: 0,
            changed_at: START - HOUR,
            due: BTreeMap::new(),
        }
    }

    /// Lets time pass.
    pub(crate) fn advance(&mut self, now: u64) {
        while let Some(entry) = self.due.first_entry()
            && entry.key().0 <= now
        {
            let ((at, _), change) = entry.remove_entry();
            self.apply(at, change);
        }
        self.now = self.now.max(now);
    }

    fn apply(&mut self, at: u64, change: Change) {
        let before = self.used;
        match change {
            Change::Charge(job, credits) => {
                self.used += credits;
                self.jobs[job].charges.push((at, credits));
            }
            Change::Refund(job) => {
                let charged: u64 = self.jobs[job].charges.iter().map(|(_, paid)| paid).sum();
                self.used -= charged.min(self.used);
                self.given_back += charged;
                self.jobs[job].charges.clear();
            }
            Change::Other(credits) => {
                match u64::try_from(credits) {
                    Ok(bought) => self.others.push((at, bought)),
                    Err(_) => self.refunded += credits.unsigned_abs(),
                }
                self.used = self.used.saturating_add_signed(credits);
            }
        }
        if self.used != before {
            self.changed_at = at;
        }
    }

    fn schedule(&mut self, at: u64, change: Change) {
        let mut order = 0;
        while self.due.contains_key(&(at, order)) {
            order += 1;
        }
        self.due.insert((at, order), change);
    }

    /// Another client buys, or is given credits back.
    pub(crate) fn other(&mut self, at: u64, credits: i64) {
        self.schedule(at, Change::Other(credits));
    }

    /// What a job of this duration costs now.
    pub(crate) fn price(&self, duration: u8) -> u64 {
        match self.settings.price {
            Price::Flat(price) => price,
            Price::PerFiveSeconds(base) => base + u64::from(duration).div_ceil(5),
            Price::FirstThen(first, then) => {
                if self.jobs.is_empty() {
                    first
                } else {
                    then
                }
            }
            Price::Changes(at, before, after) => {
                if self.now < START + at {
                    before
                } else {
                    after
                }
            }
        }
    }

    /// Takes a job; its number.
    pub(crate) fn submit(&mut self, duration: u8, fails: bool) -> usize {
        let cost = self.price(duration);
        let number = self.jobs.len();
        let over_at = self.now + self.settings.takes;
        self.jobs.push(Job {
            cost,
            over_at,
            fails,
            charges: Vec::new(),
        });
        let mut left = cost;
        let parts = self.settings.parts.clone();
        for (index, part) in parts.iter().enumerate() {
            let is_last = index + 1 == parts.len();
            let credits = if is_last {
                left
            } else {
                cost * part.percent / 100
            };
            left -= credits;
            let (at, is_charged) = match part.when {
                When::Submit => (self.now, true),
                When::Completion => (over_at, !fails || self.settings.failure == Failure::Charged),
            };
            if is_charged && credits > 0 {
                self.schedule(at + part.lag, Change::Charge(number, credits));
            }
        }
        if fails && self.settings.failure == Failure::Refunded {
            let at = over_at + self.settings.longest_lag();
            self.schedule(at + 1, Change::Refund(number));
        }
        self.advance(self.now);
        number
    }

    /// Charges for a submit that it does not take.
    pub(crate) fn charge_refused(&mut self, duration: u8) {
        let number = self.jobs.len();
        let cost = self.price(duration);
        self.jobs.push(Job {
            cost,
            over_at: self.now,
            fails: true,
            charges: Vec::new(),
        });
        let lag = self.settings.longest_lag();
        self.schedule(self.now + lag, Change::Charge(number, cost));
        self.advance(self.now);
    }

    pub(crate) fn status(&self, job: usize) -> Status {
        let job = &self.jobs[job];
        match (self.now >= job.over_at, job.fails) {
            (false, _) => Status::Processing,
            (true, false) => Status::Completed,
            (true, true) => Status::Failed,
        }
    }

    /// The balance as it is now.
    pub(crate) fn look(&self) -> Look {
        let mut look = Look::new(self.used);
        if self.settings.tells_change {
            look = look.changed(timestamp(self.changed_at));
        }
        if self.settings.tells_date {
            look = look.at(self.date() / SECOND * SECOND);
        }
        look
    }

    /// The time that its answers tell.
    fn date(&self) -> u64 {
        match self.settings.date_stops {
            Some((from, until)) if (START + from..START + until).contains(&self.now) => {
                START + from
            }
            _ => self.now,
        }
    }

    /// What our jobs were really charged between two times.
    pub(crate) fn charged(&self, from: u64, to: u64) -> u64 {
        let charges = self.jobs.iter().flat_map(|job| &job.charges);
        let within = charges.filter(|(at, _)| (from..=to).contains(at));
        within.map(|(_, credits)| credits).sum()
    }

    /// What other clients bought between two times.
    pub(crate) fn bought_by_others(&self, from: u64, to: u64) -> u64 {
        let within = self
            .others
            .iter()
            .filter(|(at, _)| (from..=to).contains(at));
        within.map(|(_, credits)| credits).sum()
    }
}

/// As the service writes a time: `2023-11-14T22:13:20.000Z`.
fn timestamp(millis: u64) -> String {
    let (days, within) = (millis / (24 * HOUR), millis % (24 * HOUR));
    let (year, month, day) = date(days);
    format!(
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}.{:03}Z",
        within / HOUR,
        within / MINUTE % 60,
        within / SECOND % 60,
        within % SECOND
    )
}

/// The date so many days after 1970-01-01.
fn date(mut days: u64) -> (u64, u64, u64) {
    let is_leap = |year: u64| {
        year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
    };
    let mut year = 1970;
    while days >= 365 + u64::from(is_leap(year)) {
        days -= 365 + u64::from(is_leap(year));
        year += 1;
    }
    let february = 28 + u64::from(is_leap(year));
    let months = [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let mut month = 1;
    for length in months {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    (year, month, days + 1)
}

#[test]
fn times_are_written_as_the_service_does() {
    assert_eq!(timestamp(START), "2023-11-14T22:13:20.000Z");
    assert_eq!(timestamp(1_709_210_096_789), "2024-02-29T12:34:56.789Z");
}

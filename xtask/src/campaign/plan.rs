//! What a case is made of: rows, how the service charges for them, limits. A seed makes the same again.

use std::fmt::Write as _;
use std::time::Duration;

use genrex_sandbox::{ChargeTime, Dialect, Options, Price};

/// What is bought, from which service, and within which limits.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) rows: Vec<Row>,
    pub(crate) options: Options,
    pub(crate) limits: Limits,
}

/// One prompt.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) text: String,
    pub(crate) seconds: u8,
}

/// What `config.toml` says, in credits.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) day: Option<u64>,
    pub(crate) total: Option<u64>,
    pub(crate) per_job: Option<u64>,
}

impl Plan {
    /// So many of the shortest pieces, charged at the submit at a credit a second.
    pub(crate) fn plain(rows: u64) -> Self {
        let rows = (0..rows).map(|row| Row {
            text: format!("piece {row}"),
            seconds: 5,
        });
        Self {
            rows: rows.collect(),
            options: options(),
            limits: Limits::default(),
        }
    }

    /// The same with everything that may vary.
    pub(crate) fn varied(rows: u64, random: &mut fastrand::Rng) -> Self {
        const HOUR: i64 = 60 * 60 * 1000;
        let mut plan = Self::plain(rows);
        for row in &mut plan.rows {
            row.seconds = pick(random, &[5, 5, 6, 10]);
            if random.u8(..) < 16 {
                row.text = format!("sandbox:fail {}", row.text);
            }
        }
        let options = &mut plan.options;
        options.seed = random.u64(..);
        options.price = price(random);
        options.charge = charge(random, Duration::from_millis(20));
        options.refunds_failures = random.bool();
        options.render_time = Duration::from_millis(random.u64(0..30));
        options.clock_offset = pick(random, &[0, 0, 0, -HOUR, HOUR, 10 * HOUR]);
        if random.bool() {
            options.dialect = Dialect::Reference;
        }
        plan
    }

    /// The same within a limit, and with a bound on what a piece costs, so that nothing has to wait for a price.
    pub(crate) fn bounded(mut self, random: &mut fastrand::Rng) -> Self {
        let dearest = self
            .rows
            .iter()
            .map(|row| self.options.price.of(row.seconds));
        let dearest = dearest.max().unwrap_or(1);
        let rows = u64::try_from(self.rows.len()).unwrap_or(1);
        self.limits.per_job = Some(dearest);
        self.limits.total = Some(dearest * random.u64(rows.saturating_sub(1).max(1)..=rows));
        self
    }

    /// As a file of prompts.
    pub(crate) fn csv(&self) -> String {
        csv(&self.rows)
    }
}

impl Limits {
    /// As `config.toml`.
    pub(crate) fn toml(self) -> String {
        let Self {
            day,
            total,
            per_job,
        } = self;
        let mut toml = String::from("[limits]\n");
        for (name, limit) in [("day", day), ("total", total), ("per_job", per_job)] {
            if let Some(limit) = limit {
                // A string takes whatever is written.
                let _ = writeln!(toml, "{name} = {limit}");
            }
        }
        toml
    }

    pub(crate) const fn is_none(self) -> bool {
        self.day.is_none() && self.total.is_none() && self.per_job.is_none()
    }
}

/// Rows as a file of prompts.
pub(crate) fn csv(rows: &[Row]) -> String {
    let mut csv = String::from("text,duration\n");
    for row in rows {
        let _ = writeln!(csv, "{},{}", row.text, row.seconds);
    }
    csv
}

/// A service with two keys, which renders at once.
pub(crate) fn options() -> Options {
    let mut options = Options::default();
    options.render_time = Duration::from_millis(1);
    options.quota = 1 << 40;
    options.other_keys = vec![(String::from("second-key"), String::from("second-secret"))];
    options
}

pub(crate) fn price(random: &mut fastrand::Rng) -> Price {
    match random.u8(0..3) {
        0 => Price::PerSecond(random.u64(1..4)),
        1 => Price::Flat(random.u64(1..20)),
        _ => Price::Stepped {
            base: random.u64(0..10),
            per_five: random.u64(1..4),
        },
    }
}

/// `late` is the most that a charge may come after the completion.
pub(crate) fn charge(random: &mut fastrand::Rng, late: Duration) -> ChargeTime {
    match random.u8(0..4) {
        0 => ChargeTime::AtSubmit,
        1 => ChargeTime::AtCompletion,
        2 => ChargeTime::Late(late.mul_f64(random.f64())),
        _ => ChargeTime::InParts(random.u64(0..5)),
    }
}

pub(crate) fn pick<T: Copy>(random: &mut fastrand::Rng, from: &[T]) -> T {
    from[random.usize(..from.len())]
}

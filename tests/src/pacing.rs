//! Paces held against each other: a client that waits for jobs whose times are drawn, on a virtual clock.

mod optimal;

use std::f64::consts::TAU;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use genrex_core::proto::{GenerateRequest, Prompt, Seconds};
use genrex_core::testing::{Reply, ScriptedTransport, keys};
use genrex_core::{BaseUrl, Client, Error, Pace, Settings, block_on};

pub use self::optimal::Optimal;

/// What a poll is worth, in seconds for which a job that is over is not seen: as the learned pace has it.
pub const POLL: f64 = 0.4;

/// How long jobs take.
#[derive(Debug, Clone, Copy)]
pub struct Times {
    /// What is written beside it.
    pub name: &'static str,
    /// Whether they do not change with time.
    pub is_stationary: bool,
    /// Whether they vary by no more than 15 %.
    pub is_tight: bool,
    /// How many seconds of music the job of this number makes.
    makes: fn(u32) -> u8,
    /// The time of the job of this number, in seconds.
    draw: fn(&mut Random, u32) -> f64,
}

/// A job whose time is drawn.
#[derive(Debug, Clone, Copy)]
pub struct Drawn {
    /// How many seconds of music it makes.
    pub makes: u8,
    /// How long it takes, in seconds.
    pub takes: f64,
}

/// Each kind of service that a pace is held against.
pub const ALL: [Times; 9] = [
    Times::tight("30 s, within a tenth", |random, _| random.about(30.0, 0.1)),
    Times::tight("61 s, within 15 %", |random, _| random.about(61.0, 0.15)),
    Times::stationary("60 s, within a half", |random, _| random.about(60.0, 0.55)),
    Times::stationary("30 s or 90 s", |random, _| {
        let middle = if random.unit() < 0.5 { 30.0 } else { 90.0 };
        random.about(middle, 0.08)
    }),
    Times::stationary("20 s and a heavy tail", |random, _| {
        20.0 / random.unit().max(1e-4).powf(1.0 / 1.8)
    }),
    Times::stationary("2 s, within a fifth", |random, _| random.about(2.0, 0.2)),
    Times::changing("30 s, drifting to 120 s", |random, job| {
        random.about(30.0 + 90.0 * f64::from(job) / 130.0, 0.12)
    }),
    Times::changing("40 s, and 120 s from job 70 on", |random, job| {
        random.about(if job < 70 { 40.0 } else { 120.0 }, 0.12)
    }),
    Times {
        makes: mixed,
        ..Times::stationary("twice the music: 20, 60 or 120 s", |random, job| {
            random.about(2.0 * f64::from(mixed(job)), 0.1)
        })
    },
];

/// Pieces of three lengths, in turn.
const fn mixed(job: u32) -> u8 {
    match job % 3 {
        0 => 10,
        1 => 30,
        _ => 60,
    }
}

/// What it took to find out that a job is over.
#[derive(Debug, Clone, Copy)]
pub struct Found {
    /// Polls.
    pub polls: u32,
    /// For how long it was over and not seen, in seconds.
    pub late: f64,
}

/// What it took for many jobs.
#[derive(Debug, Clone, Copy)]
pub struct Summary {
    /// Polls a job, in the mean.
    pub polls: f64,
    /// The mean time for which one was over and not seen, in seconds.
    pub late: f64,
    /// The time that 95 of 100 do not exceed.
    pub late_p95: f64,
}

/// Numbers that are the same for the same seed.
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Times {
    const fn stationary(name: &'static str, draw: fn(&mut Random, u32) -> f64) -> Self {
        Self {
            name,
            is_stationary: true,
            is_tight: false,
            makes: |_| 30,
            draw,
        }
    }

    const fn tight(name: &'static str, draw: fn(&mut Random, u32) -> f64) -> Self {
        Self {
            is_tight: true,
            ..Self::stationary(name, draw)
        }
    }

    const fn changing(name: &'static str, draw: fn(&mut Random, u32) -> f64) -> Self {
        Self {
            is_stationary: false,
            ..Self::stationary(name, draw)
        }
    }

    /// So many jobs, one after the other.
    #[must_use]
    pub fn draw(&self, seed: u64, jobs: u32) -> Vec<Drawn> {
        let mut random = Random::seeded(seed);
        let drawn = (0..jobs).map(|job| Drawn {
            makes: (self.makes)(job),
            takes: (self.draw)(&mut random, job),
        });
        drawn.collect()
    }
}

impl Summary {
    /// Of at least one.
    #[must_use]
    pub fn of(found: &[Found]) -> Self {
        let count = f64::from(u32::try_from(found.len()).unwrap_or(u32::MAX));
        let mut late: Vec<f64> = found.iter().map(|found| found.late).collect();
        late.sort_by(f64::total_cmp);
        let place = (late.len() * 95).div_ceil(100).saturating_sub(1);
        Self {
            polls: found
                .iter()
                .map(|found| f64::from(found.polls))
                .sum::<f64>()
                / count,
            late: late.iter().sum::<f64>() / count,
            late_p95: late.get(place).copied().unwrap_or(0.0),
        }
    }

    /// Polls and lateness as one, in seconds.
    #[must_use]
    pub fn cost(&self) -> f64 {
        self.polls * POLL + self.late
    }
}

impl Random {
    /// The same for the same seed.
    #[must_use]
    pub const fn seeded(seed: u64) -> Self {
        Self(seed.wrapping_mul(0xD134_2543_DE82_EF95) | 1)
    }

    /// From 0 to 1.
    fn unit(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        let number = u32::try_from(self.0 >> 32).unwrap_or(u32::MAX);
        f64::from(number) / f64::from(u32::MAX)
    }

    /// Lognormal about a middle.
    fn about(&mut self, middle: f64, deviation: f64) -> f64 {
        let normal = (-2.0 * self.unit().max(1e-9).ln()).sqrt() * (TAU * self.unit()).cos();
        middle * (deviation * normal).exp()
    }
}

/// Waits for jobs, one after the other, as a client of this pace does.
///
/// # Errors
///
/// None, unless the client is wrong.
pub fn wait_for(pace: Pace, jobs: &[Drawn]) -> Result<Vec<Found>, Error> {
    // When the last job was taken, and how long it takes.
    let job = Arc::new(Mutex::new((Duration::ZERO, Duration::ZERO)));
    let locked =
        |job: &Mutex<(Duration, Duration)>| *job.lock().unwrap_or_else(PoisonError::into_inner);
    let told = Arc::clone(&job);
    let wire = ScriptedTransport::answering(move |sent| {
        let mut job = told.lock().unwrap_or_else(PoisonError::into_inner);
        if sent.request.uri().path().ends_with("/generateMusic") {
            job.0 = sent.at;
            return Reply::json(201, PROCESSING);
        }
        let is_over = sent.at >= job.0 + job.1;
        Reply::json(200, if is_over { COMPLETED } else { PROCESSING })
    });
    let mut settings = Settings::default();
    (settings.pace, settings.deadline) = (pace, None);
    let client = Client::new(wire, BaseUrl::default(), keys(), settings)?;
    let mut found = Vec::new();
    for Drawn { makes, takes } in jobs {
        let taken = locked(&job).0;
        *job.lock().unwrap_or_else(PoisonError::into_inner) =
            (taken, Duration::from_secs_f64(*takes));
        let request = GenerateRequest::new(Prompt::new("music")?, Seconds::new(u32::from(*makes))?);
        let track = block_on(client.generate(&request))?;
        found.push(Found {
            polls: track.polls(),
            late: track.elapsed().as_secs_f64() - takes,
        });
    }
    Ok(found)
}

/// The same of polls at any times: `next` is told how much music a job makes and how long ago it was accepted, both in
/// seconds, and says when to ask next.
#[must_use]
pub fn wait_by(jobs: &[Drawn], next: impl Fn(u8, f64) -> f64) -> Vec<Found> {
    let wait = |Drawn { makes, takes }: &Drawn| {
        let (mut at, mut polls) = (0.0, 0);
        while at < *takes {
            at = next(*makes, at);
            polls += 1;
        }
        Found {
            polls,
            late: at - takes,
        }
    };
    jobs.iter().map(wait).collect()
}

const PROCESSING: &str = r#"{"id":"QRY_1","status":"Processing"}"#;
const COMPLETED: &str = r#"{"id":"QRY_1","status":"Completed",
    "response":[{"content":[{"url":"https://a.example/1.wav"}]}]}"#;

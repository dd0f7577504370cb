//! How one job is doing, and the line that shows it.

use std::time::Duration;

use anstyle::{AnsiColor, Style};
use genrex_async::Progress;

use crate::output::{Line, Picture, Size, shown};
use crate::progress::bar;
use crate::progress::time::{clock, said};
use crate::progress::words::{retrying, why_unanswered};

/// How long a poll may be on its way before that is said.
const SLOW: Duration = Duration::from_secs(5);

/// What is known of a job while it goes on.
#[derive(Debug, Clone)]
pub(crate) struct JobView {
    stage: Stage,
    /// When it began, or when the time that is shown did.
    began: Duration,
    /// When the service last said how it is.
    answered_at: Duration,
    /// When the poll left whose answer is not here.
    asked_at: Option<Duration>,
    /// What the last poll showed in place of an answer.
    unanswered: Option<String>,
    /// How long such a job usually takes.
    expected: Option<Duration>,
}

#[derive(Debug, Clone)]
enum Stage {
    /// In a few words.
    Doing(String),
    WaitingForPrice,
    Downloading(u64, Option<u64>),
}

impl JobView {
    pub(crate) fn new(doing: &str, now: Duration, expected: Option<Duration>) -> Self {
        Self {
            stage: Stage::Doing(shown(doing)),
            began: now,
            answered_at: now,
            asked_at: None,
            unanswered: None,
            expected,
        }
    }

    /// Whether the line says something else now. A download's bytes are too many to be shown one by one.
    pub(crate) fn hear(&mut self, progress: &Progress, now: Duration) -> bool {
        match progress {
            Progress::Polling { .. } => {
                self.asked_at.get_or_insert(now);
                return false;
            }
            Progress::Unanswered { silent, .. } => {
                self.answered_at = now.saturating_sub(*silent);
                self.asked_at = None;
                self.unanswered = why_unanswered(progress);
                return true;
            }
            Progress::Downloading {
                received, total, ..
            } => {
                let is_new = !matches!(self.stage, Stage::Downloading(..));
                self.stage = Stage::Downloading(*received, *total);
                self.answered(now);
                return is_new;
            }
            Progress::Submitting { .. } => self.doing("submitting"),
            Progress::Accepted { .. } => self.doing("waiting for the service"),
            Progress::Polled { status, .. } => self.doing(status.as_str()),
            Progress::WaitingForPrice { .. } => self.stage = Stage::WaitingForPrice,
            Progress::Retrying { .. } => match retrying(progress) {
                Some(what) => self.doing(&what),
                None => return false,
            },
            _ => return false,
        }
        self.answered(now);
        true
    }

    fn doing(&mut self, what: &str) {
        self.stage = Stage::Doing(shown(what));
    }

    fn answered(&mut self, now: Duration) {
        self.answered_at = now;
        self.asked_at = None;
        self.unanswered = None;
    }

    /// Whether it may not start yet, however long that takes.
    pub(super) const fn is_waiting_for_price(&self) -> bool {
        matches!(self.stage, Stage::WaitingForPrice)
    }

    pub(super) fn elapsed(&self, now: Duration) -> Duration {
        now.saturating_sub(self.began)
    }

    /// How it is, in a few words.
    pub(super) fn short(&self, now: Duration) -> String {
        if let Some(silence) = self.silence(now) {
            return silence;
        }
        match &self.stage {
            Stage::Doing(what) => what.clone(),
            Stage::WaitingForPrice => String::from("waiting until the price is known"),
            Stage::Downloading(received, Some(total)) if *total > 0 => {
                let percent = received.saturating_mul(100) / total;
                format!("downloading {} %", percent.min(100))
            }
            Stage::Downloading(received, _) => format!("downloading {}", megabytes(*received)),
        }
    }

    /// That the service does not answer, while it does not.
    fn silence(&self, now: Duration) -> Option<String> {
        let silent = said(now.saturating_sub(self.answered_at));
        if let Some(why) = &self.unanswered {
            return Some(format!("no answer for {silent} ({why})"));
        }
        let asked_at = self.asked_at?;
        let is_slow = now.saturating_sub(asked_at) >= SLOW;
        is_slow.then(|| format!("no answer for {silent}"))
    }

    /// What stands in the line beside the time, the longest first.
    fn told(&self, now: Duration) -> Vec<String> {
        let short = self.short(now);
        match (&self.stage, self.silence(now)) {
            (_, Some(_)) => vec![
                format!("{short}, still trying; the job goes on"),
                format!("{short}, still trying"),
                short.clone(),
                // Without what was seen.
                short.split(" (").next().unwrap_or(&short).to_owned(),
            ],
            (Stage::Downloading(received, Some(total)), None) if *total > 0 => {
                let drawn = bar(*received, *total, 24);
                let of = format!("{} of {}", megabytes(*received), megabytes(*total));
                vec![format!("downloading {drawn} {of}"), short]
            }
            _ => vec![short],
        }
    }
}

impl Picture for std::sync::Mutex<JobView> {
    fn lines(&self, now: Duration, size: Size) -> Vec<Line> {
        let view = self
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        vec![view.line(now, size.line())]
    }
}

impl JobView {
    /// The spinner, how the job is, how long it has taken, and how long it usually does: as much of it as fits.
    fn line(&self, now: Duration, most: usize) -> Line {
        let time = clock(self.elapsed(now));
        let usual = self.expected.map(|usual| {
            let usual = clock(usual);
            format!("  usually about {usual}")
        });
        let line = |told: &str, usual: &str| {
            Line::default()
                .and(cyan(), spinner(now))
                .and(Style::new(), &format!(" {told}"))
                .and(Style::new().dimmed(), &format!("  {time}{usual}"))
        };
        let mut told = self.told(now);
        let shortest = told.pop().unwrap_or_default();
        let usual = usual.unwrap_or_default();
        let mut candidates = Vec::new();
        for words in &told {
            candidates.push(line(words, &usual));
            candidates.push(line(words, ""));
        }
        candidates.push(line(&shortest, &usual));
        candidates.push(line(&shortest, ""));
        let fits = candidates.into_iter().find(|line| line.columns() <= most);
        // What is too long even so is cut, but not its time.
        fits.unwrap_or_else(|| {
            let left = most.saturating_sub(time.len() + 4);
            line(&crate::output::cut(&shortest, left), "")
        })
    }
}

const fn cyan() -> Style {
    Style::new().fg_color(Some(anstyle::Color::Ansi(AnsiColor::Cyan)))
}

/// Another sign at each tick.
fn spinner(now: Duration) -> &'static str {
    const SIGNS: [&str; 8] = ["⠋", "⠙", "⠸", "⠴", "⠦", "⠇", "⠏", "⠉"];
    let tick = now.as_millis() / 250 % 8;
    SIGNS[usize::try_from(tick).unwrap_or(0)]
}

fn megabytes(bytes: u64) -> String {
    let tenths = bytes / 100_000;
    match tenths {
        0 => format!("{} kB", bytes / 1000),
        _ => format!("{}.{} MB", tenths / 10, tenths % 10),
    }
}

#[cfg(test)]
mod tests;

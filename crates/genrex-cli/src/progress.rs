//! What an operation comes to while it goes on: bars on a terminal, plain lines elsewhere.
//!
//! Invariant: a bar's text goes through [`shown`], as all that the program prints.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use genrex_async::Progress;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use crate::output::{Output, shown};

/// Shows what an operation comes to: a bar on a terminal, plain lines elsewhere.
#[derive(Clone)]
pub(crate) struct Display(Arc<Mutex<State>>);

struct State {
    output: Output,
    /// Drawn while something goes on.
    bar: Option<ProgressBar>,
}

impl Display {
    pub(crate) fn new(output: Output) -> Self {
        Self(Arc::new(Mutex::new(State { output, bar: None })))
    }

    pub(crate) fn show(&self, progress: &Progress) {
        self.with(|state| state.show(progress));
    }

    /// Takes the bar away, so that what is said next stands alone. What goes on after that has one again.
    pub(crate) fn clear(&self) {
        self.with(|state| {
            if let Some(bar) = state.bar.take() {
                bar.finish_and_clear();
            }
        });
    }

    fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl State {
    fn show(&mut self, progress: &Progress) {
        match line_of(progress) {
            Some((Loudness::Detail, text)) => self.above(|output| output.detail(text)),
            Some((Loudness::Note, text)) => self.above(|output| output.note(text)),
            Some((Loudness::Warning, text)) => self.above(|output| output.warning(text)),
            None => {}
        }
        if let (Some(what), Some(bar)) = (doing_of(progress), self.bar()) {
            doing(bar, &what);
        }
        if let (
            Progress::Downloading {
                received, total, ..
            },
            Some(bar),
        ) = (progress, self.bar())
        {
            if let (None, Some(total)) = (bar.length(), *total) {
                bar.set_length(total);
                bar.set_style(download_style());
            }
            bar.set_position(*received);
        }
    }

    fn bar(&mut self) -> Option<&ProgressBar> {
        if self.bar.is_none() && self.output.draws() {
            self.bar = Some(spinner());
        }
        self.bar.as_ref()
    }

    /// Says a line above the bar, if there is one.
    fn above(&self, say: impl FnOnce(&Output)) {
        match &self.bar {
            Some(bar) => bar.suspend(|| say(&self.output)),
            None => say(&self.output),
        }
    }
}

/// Who is to see a line.
enum Loudness {
    Detail,
    Note,
    Warning,
}

/// The line that stays when something has come about.
fn line_of(progress: &Progress) -> Option<(Loudness, String)> {
    let detail = |text| Some((Loudness::Detail, text));
    let note = |text| Some((Loudness::Note, text));
    let warning = |text| Some((Loudness::Warning, text));
    match progress {
        Progress::Accepted { id, .. } => note(format!("accepted {id}")),
        Progress::Salvaged { id, .. } => note(format!(
            "the answer broke off, but held {id}; asking after it"
        )),
        Progress::Polled {
            status,
            polls,
            elapsed,
            ..
        } => {
            let seconds = elapsed.as_secs_f64();
            detail(format!("{status}, asked {polls} times in {seconds:.0} s"))
        }
        Progress::UnknownStatus { status, .. } => warning(format!(
            "the service says {status}, which this version does not know; waiting on"
        )),
        Progress::Retrying { .. } => detail(doing_of(progress)?),
        Progress::ClockCorrected { offset_millis, .. } => {
            let seconds = Duration::from_millis(offset_millis.unsigned_abs()).as_secs();
            let how = if *offset_millis < 0 { "fast" } else { "slow" };
            warning(format!(
                "this machine's clock is {seconds} s {how}; signing by the service's clock"
            ))
        }
        Progress::FreshLink { .. } => detail(String::from(
            "the link does not work; asking for a fresh one",
        )),
        Progress::WaitingForPrice { job, .. } => {
            let job = job.map_or_else(String::new, |job| format!(" (job {job})"));
            note(format!(
                "a limit is set, and what an earlier piece cost{job} has to show first; waiting for it"
            ))
        }
        Progress::PriceUnknown { duration } => warning(format!(
            "what {duration} s cost is not known yet; this piece goes alone to show it, and may pass the limit; \
             [limits] per_job bounds a piece: genrex help money"
        )),
        Progress::NotKept { message, .. } => {
            warning(format!("{message}; the job itself is not harmed"))
        }
        Progress::StartedOver => detail(String::from(
            "the audio has changed; starting again from zero",
        )),
        _ => None,
    }
}

/// What goes on from now on.
fn doing_of(progress: &Progress) -> Option<String> {
    Some(match progress {
        Progress::Submitting { .. } => String::from("submitting"),
        Progress::Accepted { .. } => String::from("waiting for the service"),
        Progress::Polled { status, .. } => status.to_string(),
        Progress::Retrying {
            kind,
            delay,
            attempts,
            ..
        } => {
            let seconds = delay.as_secs_f64();
            format!("{kind} (try {attempts}); trying again in {seconds:.1} s")
        }
        Progress::WaitingForPrice { .. } => String::from("waiting until the price is known"),
        Progress::Downloading { .. } => String::from("downloading"),
        _ => return None,
    })
}

/// Sets the text of a bar: there is no other way to.
fn doing(bar: &ProgressBar, what: &str) {
    bar.set_message(shown(what));
}

fn spinner() -> ProgressBar {
    const TICK: Duration = Duration::from_millis(100);
    let bar = ProgressBar::no_length();
    if let Ok(style) = ProgressStyle::with_template("{spinner:.cyan} {msg} {elapsed:.dim}") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(TICK);
    bar
}

/// A batch on a terminal: a bar for all rows, and a line for each that is being worked on.
#[derive(Clone)]
pub(crate) struct Bars {
    all: MultiProgress,
    rows: ProgressBar,
}

impl Bars {
    pub(crate) fn new(rows: u64) -> Self {
        let all = MultiProgress::new();
        let bar = ProgressBar::new(rows);
        if let Ok(style) =
            ProgressStyle::with_template("{pos}/{len} rows {bar:32.cyan} {elapsed:.dim}")
        {
            bar.set_style(style);
        }
        let rows = all.add(bar);
        rows.tick();
        Self { all, rows }
    }

    /// A line for a row, above the bar; gone when it is dropped.
    pub(crate) fn row(&self, text: &str) -> RowBar {
        const LONGEST: usize = 40;
        let start: String = text.chars().take(LONGEST).collect();
        let bar = self
            .all
            .insert_before(&self.rows, ProgressBar::new_spinner());
        if let Ok(style) = ProgressStyle::with_template("  {prefix} {msg:.dim}") {
            bar.set_style(style);
        }
        bar.set_prefix(shown(start));
        RowBar(bar)
    }

    /// Says a line above all of them; the row that it is about is done.
    pub(crate) fn done<T>(&self, say: impl FnOnce() -> T) -> T {
        self.rows.inc(1);
        self.all.suspend(say)
    }

    pub(crate) fn clear(&self) {
        // A terminal that is gone need not be cleared.
        let _ = self.all.clear();
    }
}

/// The line of one row.
pub(crate) struct RowBar(ProgressBar);

impl RowBar {
    pub(crate) fn show(&self, progress: &Progress) {
        if let Some(what) = doing_of(progress) {
            self.doing(&what);
        }
    }

    pub(crate) fn doing(&self, what: &str) {
        doing(&self.0, what);
    }
}

impl Drop for RowBar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

fn download_style() -> ProgressStyle {
    ProgressStyle::with_template("{msg} {bar:32.cyan} {bytes}/{total_bytes}")
        .unwrap_or_else(|_| ProgressStyle::default_bar())
}

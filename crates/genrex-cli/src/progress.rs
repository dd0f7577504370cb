use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use genrex_async::Progress;
use genrex_async::core::proto::Escaped;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use crate::output::Output;

/// Shows what an operation comes to: a bar on a terminal, plain lines elsewhere.
#[derive(Clone)]
pub(crate) struct Display(Arc<Mutex<State>>);

struct State {
    output: Output,
    bar: Option<ProgressBar>,
}

impl Display {
    pub(crate) fn new(output: Output) -> Self {
        Self(Arc::new(Mutex::new(State {
            output,
            bar: output.draws().then(spinner),
        })))
    }

    pub(crate) fn show(&self, progress: &Progress) {
        self.with(|state| state.show(progress));
    }

    /// Takes the bar away, so that what is said next stands alone.
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
        match progress {
            Progress::Submitting { .. } => self.doing("submitting"),
            Progress::Accepted { id, .. } => {
                self.note(&format!("accepted {id}"));
                self.doing("waiting for the service");
            }
            Progress::Salvaged { id, .. } => {
                self.note(&format!(
                    "the answer broke off, but held {id}; asking after it"
                ));
            }
            Progress::Polled {
                status,
                polls,
                elapsed,
                ..
            } => {
                let text = format!(
                    "{status}, asked {polls} times in {:.0} s",
                    elapsed.as_secs_f64()
                );
                self.detail(&text);
                self.doing(status.as_ref());
            }
            Progress::UnknownStatus { status, .. } => {
                self.warning(&format!(
                    "the service says {status}, which this version does not know; waiting on"
                ));
            }
            Progress::Retrying {
                kind,
                delay,
                attempts,
                ..
            } => {
                let text = format!(
                    "{kind:?} (try {attempts}); trying again in {:.1} s",
                    delay.as_secs_f64()
                );
                self.detail(&text);
                self.doing(&text);
            }
            Progress::ClockCorrected { offset_millis, .. } => {
                let seconds = Duration::from_millis(offset_millis.unsigned_abs()).as_secs();
                let how = if *offset_millis < 0 { "fast" } else { "slow" };
                self.warning(&format!(
                    "this machine's clock is {seconds} s {how}; signing by the service's clock"
                ));
            }
            Progress::FreshLink { .. } => {
                self.detail("the link does not work; asking for a fresh one");
            }
            Progress::WaitingForPrice { job, .. } => {
                let job = job.map_or_else(String::new, |job| format!(" (job {job})"));
                self.note(&format!(
                    "a limit is set, and what an earlier piece cost{job} has to show first; waiting for it"
                ));
                self.doing("waiting until the price is known");
            }
            Progress::PriceUnknown { duration } => {
                self.warning(&format!(
                    "what {duration} s cost is not known yet; this piece goes alone to show it, and may pass the limit"
                ));
            }
            Progress::NotKept { message, .. } => {
                self.warning(&format!("{message}; the job itself is not harmed"));
            }
            Progress::StartedOver => self.detail("the audio has changed; starting again from zero"),
            Progress::Downloading {
                received, total, ..
            } => self.downloading(*received, *total),
            _ => {}
        }
    }

    fn doing(&self, what: &str) {
        if let Some(bar) = &self.bar {
            bar.set_message(what.to_owned());
        }
    }

    fn downloading(&self, received: u64, total: Option<u64>) {
        if let Some(bar) = &self.bar {
            if let (None, Some(total)) = (bar.length(), total) {
                bar.set_length(total);
                bar.set_style(download_style());
            }
            bar.set_message("downloading");
            bar.set_position(received);
        }
    }

    fn note(&self, text: &str) {
        self.above(|output| output.note(text));
    }

    fn detail(&self, text: &str) {
        self.above(|output| output.detail(text));
    }

    fn warning(&self, text: &str) {
        self.above(|output| output.warning(text));
    }

    /// Says a line above the bar, if there is one.
    fn above(&self, say: impl FnOnce(&Output)) {
        match &self.bar {
            Some(bar) => bar.suspend(|| say(&self.output)),
            None => say(&self.output),
        }
    }
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
        let shown: String = Escaped(text).to_string().chars().take(LONGEST).collect();
        let bar = self
            .all
            .insert_before(&self.rows, ProgressBar::new_spinner());
        if let Ok(style) = ProgressStyle::with_template("  {prefix} {msg:.dim}") {
            bar.set_style(style);
        }
        bar.set_prefix(shown);
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
        match progress {
            Progress::Polled { status, .. } => self.doing(status.to_string()),
            Progress::Retrying { kind, .. } => self.doing(format!("{kind:?}, trying again")),
            Progress::Downloading { .. } => self.doing("downloading"),
            _ => {}
        }
    }

    pub(crate) fn doing(&self, what: impl Into<std::borrow::Cow<'static, str>>) {
        self.0.set_message(what);
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

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use genrex_async::{Progress, QueryId};
use indicatif::{ProgressBar, ProgressStyle};
use tokio::sync::Notify;

use crate::output::Output;

/// Shows what an operation comes to: a bar on a terminal, plain lines elsewhere.
#[derive(Clone)]
pub(crate) struct Display(Arc<Mutex<State>>);

struct State {
    output: Output,
    bar: Option<ProgressBar>,
    /// Whether a paid request is on its way, so that giving up may leave a charge behind.
    submitting: bool,
    /// The job, as soon as anything is known of it.
    job: Option<QueryId>,
    /// Told when a submit is no longer on its way, though it is not over.
    paused: Arc<Notify>,
}

impl Display {
    pub(crate) fn new(output: Output) -> Self {
        Self(Arc::new(Mutex::new(State {
            output,
            bar: output.draws().then(spinner),
            submitting: false,
            job: None,
            paused: Arc::default(),
        })))
    }

    pub(crate) fn show(&self, progress: &Progress) {
        self.with(|state| state.show(progress));
    }

    pub(crate) fn is_submitting(&self) -> bool {
        self.with(|state| state.submitting)
    }

    /// The job that the submit came to, as far as it is known.
    pub(crate) fn job(&self) -> Option<QueryId> {
        self.with(|state| state.job.clone())
    }

    /// Waits until a submit is between two tries: nothing of it is on its way.
    pub(crate) async fn paused(&self) {
        let paused = self.with(|state| Arc::clone(&state.paused));
        paused.notified().await;
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
        self.submitting = matches!(progress, Progress::Submitting { .. });
        if let Progress::Accepted { id } | Progress::Salvaged { id } = progress {
            self.job = Some(id.clone());
        }
        if matches!(
            progress,
            Progress::Retrying { .. } | Progress::Salvaged { .. }
        ) {
            self.paused.notify_one();
        }
        match progress {
            Progress::Submitting { .. } => self.doing("submitting"),
            Progress::Accepted { id } => {
                self.note(&format!("accepted {id}"));
                self.doing("waiting for the service");
            }
            Progress::Salvaged { id } => {
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
                self.doing(&status.to_string());
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
            } => {
                let text = format!(
                    "{kind:?} (try {attempts}); trying again in {:.1} s",
                    delay.as_secs_f64()
                );
                self.detail(&text);
                self.doing(&text);
            }
            Progress::ClockCorrected { offset_millis } => {
                let seconds = Duration::from_millis(offset_millis.unsigned_abs()).as_secs();
                let how = if *offset_millis < 0 { "fast" } else { "slow" };
                self.warning(&format!(
                    "this machine's clock is {seconds} s {how}; signing by the service's clock"
                ));
            }
            Progress::FreshLink { .. } => {
                self.detail("the link does not work; asking for a fresh one");
            }
            Progress::StartedOver => self.detail("the audio has changed; starting again from zero"),
            Progress::Downloading { received, total } => self.downloading(*received, *total),
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

/// Counts the rows of a batch.
pub(crate) fn counter() -> ProgressBar {
    let bar = ProgressBar::no_length();
    if let Ok(style) = ProgressStyle::with_template("{spinner:.cyan} {pos} rows {elapsed:.dim}") {
        bar.set_style(style);
    }
    bar
}

fn download_style() -> ProgressStyle {
    ProgressStyle::with_template("{msg} {bar:32.cyan} {bytes}/{total_bytes}")
        .unwrap_or_else(|_| ProgressStyle::default_bar())
}

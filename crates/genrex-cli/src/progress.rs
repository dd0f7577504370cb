//! What an operation comes to while it goes on: drawn on a terminal, said in plain lines elsewhere.
//!
//! Invariant: what is drawn is a function of what was heard, the time and the window. The screens of its tests lie as
//! text in `progress/screens`.

mod batch;
mod job;
#[cfg(test)]
mod screens;
mod silence;
mod time;
mod words;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use genrex_async::{Balance, Progress};

use crate::clock;
use crate::output::Output;
use crate::progress::batch::BatchView;
use crate::progress::job::JobView;
use crate::progress::silence::Silence;
use crate::progress::words::{Loudness, line_of};

/// Shows what becomes of one job.
#[derive(Clone)]
pub(crate) struct Display {
    output: Output,
    expected: Option<Duration>,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    /// While something is drawn.
    view: Option<Arc<Mutex<JobView>>>,
    silence: Silence,
}

impl Display {
    pub(crate) fn new(output: Output) -> Self {
        Self {
            output,
            expected: None,
            state: Arc::default(),
        }
    }

    /// Shows how long such a job usually takes, from the next line on.
    pub(crate) const fn expect(&mut self, expected: Option<Duration>) {
        self.expected = expected;
    }

    pub(crate) fn show(&self, progress: &Progress) {
        if let Some(line) = line_of(progress) {
            say(self.output, line);
        }
        if self.output.draws() {
            self.draw(progress);
        } else if let Some(text) = locked(&self.state).silence.hear(progress) {
            self.output.note(text);
        }
    }

    fn draw(&self, progress: &Progress) {
        let now = clock::since_start();
        let mut state = locked(&self.state);
        if let Some(view) = &state.view {
            let is_other = locked(view).hear(progress, now);
            drop(state);
            if is_other {
                self.output.draw_again();
            }
            return;
        }
        let mut view = JobView::new("waiting for the service", now, self.expected);
        view.hear(progress, now);
        let view = Arc::new(Mutex::new(view));
        state.view = Some(Arc::clone(&view));
        drop(state);
        self.output.draw(view);
    }

    /// Takes the line away, so that what is said next stands alone. What goes on after that has one again.
    pub(crate) fn clear(&self) {
        if locked(&self.state).view.take().is_some() {
            self.output.end_drawing();
        }
    }
}

/// Shows what becomes of the rows of a batch.
#[derive(Clone)]
pub(crate) struct BatchDisplay {
    output: Output,
    view: Arc<Mutex<BatchView>>,
    silence: Arc<Mutex<Silence>>,
    /// Whether it was said that a price is waited for, since the last purchase.
    is_price_awaited: Arc<AtomicBool>,
}

impl BatchDisplay {
    pub(crate) fn new(output: Output, rows: u64, balance: Option<Balance>) -> Self {
        let view = BatchView::new(rows, balance, clock::since_start());
        let view = Arc::new(Mutex::new(view));
        if output.draws() {
            output.draw(Arc::<Mutex<BatchView>>::clone(&view));
        }
        Self {
            output,
            view,
            silence: Arc::default(),
            is_price_awaited: Arc::default(),
        }
    }

    /// A line for a row; gone when what is given back is dropped.
    pub(crate) fn row(&self, line: u64, text: &str, doing: &str) -> RowDisplay {
        let place = locked(&self.view).begin(text, doing, clock::since_start());
        RowDisplay {
            batch: self.clone(),
            line,
            place,
        }
    }

    /// A row is as far as it comes in this run.
    pub(crate) fn done(&self) {
        locked(&self.view).done();
    }

    /// A piece that was bought in this run is here.
    pub(crate) fn made(&self) {
        locked(&self.view).made(clock::since_start());
    }

    /// No further row is begun.
    pub(crate) fn stopping(&self) {
        locked(&self.view).stopping();
    }

    pub(crate) fn clear(&self) {
        self.output.end_drawing();
    }

    /// That all rows wait for one price: once for all of them, and again after the next purchase.
    fn waits(&self, progress: &Progress) -> Option<String> {
        let is_waiting = match progress {
            Progress::WaitingForPrice { .. } => true,
            Progress::Accepted { .. } => false,
            _ => return None,
        };
        let was_waiting = self.is_price_awaited.swap(is_waiting, Ordering::Relaxed);
        let (_, text) = line_of(progress).filter(|_| is_waiting && !was_waiting)?;
        Some(text)
    }
}

/// The line of one row.
pub(crate) struct RowDisplay {
    batch: BatchDisplay,
    line: u64,
    place: u64,
}

impl RowDisplay {
    /// Only what must be known is said of a row: the others go on beside it.
    pub(crate) fn show(&self, progress: &Progress) {
        let output = self.batch.output;
        locked(&self.batch.view).hear(self.place, progress, clock::since_start());
        if let Some((Loudness::Warning, text)) = line_of(progress) {
            output.warning(format_args!("line {}: {text}", self.line));
        }
        if output.draws() {
            return;
        }
        let silence = locked(&self.batch.silence).hear(progress);
        if let Some(text) = silence.or_else(|| self.batch.waits(progress)) {
            output.note(text);
        }
    }
}

impl Drop for RowDisplay {
    fn drop(&mut self) {
        locked(&self.batch.view).end(self.place);
    }
}

fn say(output: Output, (loudness, text): (Loudness, String)) {
    match loudness {
        Loudness::Detail => output.detail(text),
        Loudness::Note => output.note(text),
        Loudness::Warning => output.warning(text),
    }
}

/// `████░░░░`.
fn bar(part: u64, whole: u64, columns: usize) -> String {
    let wide = u64::try_from(columns).unwrap_or(0);
    let full = part.saturating_mul(wide).checked_div(whole).unwrap_or(0);
    let full = usize::try_from(full).unwrap_or(columns).min(columns);
    "█".repeat(full) + &"░".repeat(columns - full)
}

fn locked<T>(state: &Mutex<T>) -> MutexGuard<'_, T> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

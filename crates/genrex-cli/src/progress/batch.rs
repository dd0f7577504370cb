//! How a batch is doing: a line for each row that is worked on, as many as fit, and the total.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use genrex_async::{Balance, Progress};

use crate::output::{Line, Picture, Size, columns, cut, shown};
use crate::progress::bar;
use crate::progress::job::JobView;
use crate::progress::time::{about, clock};

/// What is known of a batch while it goes on.
#[derive(Debug)]
pub(crate) struct BatchView {
    planned: u64,
    /// Rows that are as far as they come in this run.
    done: u64,
    /// Pieces that were bought and made in this run.
    made: u64,
    began: Duration,
    /// When the first piece of this run was submitted, and when the last was made.
    work: Option<(Duration, Duration)>,
    /// By the order in which they began.
    rows: BTreeMap<u64, Row>,
    begun: u64,
    /// The balance when the run began, and as it was last seen.
    balance: Option<(Balance, Balance)>,
    is_stopping: bool,
}

#[derive(Debug)]
struct Row {
    text: String,
    job: JobView,
}

impl BatchView {
    pub(crate) fn new(planned: u64, balance: Option<Balance>, now: Duration) -> Self {
        Self {
            planned,
            done: 0,
            made: 0,
            began: now,
            work: None,
            rows: BTreeMap::new(),
            begun: 0,
            balance: balance.map(|balance| (balance.clone(), balance)),
            is_stopping: false,
        }
    }

    /// A row is worked on from now on; what is given back is its place.
    pub(crate) fn begin(&mut self, text: &str, doing: &str, now: Duration) -> u64 {
        self.begun += 1;
        let row = Row {
            text: shown(text),
            job: JobView::new(doing, now, None),
        };
        self.rows.insert(self.begun, row);
        self.begun
    }

    pub(crate) fn hear(&mut self, place: u64, progress: &Progress, now: Duration) {
        if let (Progress::Looked { balance, .. }, Some((_, last))) = (progress, &mut self.balance) {
            last.clone_from(balance);
        }
        if matches!(progress, Progress::Submitting { .. }) {
            self.work.get_or_insert((now, now));
        }
        if let Some(row) = self.rows.get_mut(&place) {
            row.job.hear(progress, now);
        }
    }

    pub(crate) fn end(&mut self, place: u64) {
        self.rows.remove(&place);
    }

    pub(crate) const fn done(&mut self) {
        self.done += 1;
    }

    /// A piece that was bought in this run is made. What was bought before comes at another pace, and says nothing of
    /// the rows that are left.
    pub(crate) fn made(&mut self, now: Duration) {
        self.made += 1;
        let (first, _) = self.work.unwrap_or((now, now));
        self.work = Some((first, now));
    }

    pub(crate) const fn stopping(&mut self) {
        self.is_stopping = true;
    }

    /// Whether no row goes on until a price is known: how long that takes, the pieces that were made do not tell.
    fn is_waiting_for_price(&self) -> bool {
        let mut rows = self.rows.values();
        !self.rows.is_empty() && rows.all(|row| row.job.is_waiting_for_price())
    }

    /// How long the rows that are left take, by the pieces that this run has made. A single one says little: those
    /// beside it are under way.
    fn left(&self, now: Duration) -> Option<Duration> {
        let (first, last) = self.work.filter(|_| self.made >= 2)?;
        let made = u32::try_from(self.made).ok()?;
        let rows = u32::try_from(self.planned.saturating_sub(self.done)).ok()?;
        if rows == 0 {
            return None;
        }
        let each = last.saturating_sub(first) / made;
        // It goes down while the next piece is made, and stands still when that takes longer than usual.
        let under_way = now.saturating_sub(last).min(each);
        Some(each.saturating_mul(rows).saturating_sub(under_way))
    }
}

impl Picture for Mutex<BatchView> {
    fn lines(&self, now: Duration, size: Size) -> Vec<Line> {
        let view = self.lock().unwrap_or_else(PoisonError::into_inner);
        let total = view.total(now, size.line());
        let mut lines = view.row_lines(now, size, total.len());
        lines.extend(total);
        lines
    }
}

impl BatchView {
    /// The rows that have been worked on for longest, and how many there are beside them.
    fn row_lines(&self, now: Duration, size: Size, total: usize) -> Vec<Line> {
        // For the cursor, and for the last of what was printed.
        let below_and_above = if size.rows < 12 { 1 } else { 4 };
        let room = size.rows.saturating_sub(total + below_and_above);
        let all = self.rows.len();
        let shown = if all > room {
            room.saturating_sub(1)
        } else {
            all
        };
        let rows: Vec<_> = self.rows.values().take(shown).collect();
        let columns = Columns::of(&rows, now, size.line());
        let mut lines: Vec<_> = rows.iter().map(|row| columns.line(row, now)).collect();
        if all > shown && room > 0 {
            let more = format!("{}… and {} more", columns.indent, all - shown);
            lines.push(Line::default().and(Style::new().dimmed(), &more));
        }
        lines
    }

    /// In one line where it fits, and else in two.
    fn total(&self, now: Duration, most: usize) -> Vec<Line> {
        let time = clock(now.saturating_sub(self.began));
        let left = if self.is_stopping {
            Some(format!("finishing {} rows", self.rows.len()))
        } else if self.is_waiting_for_price() {
            Some(String::from("waiting for a price"))
        } else {
            self.left(now)
                .map(|left| format!("about {} left", about(left)))
        };
        let count = format!("{}/{} rows", self.done, self.planned);
        let short = format!("{}/{}", self.done, self.planned);
        let credits = self.balance.as_ref().map(|(first, last)| {
            let (so_far, left) = (last.used_since(first), last.credits_left());
            let long = format!("{so_far} credits so far, {left} left");
            match columns(&long) > most {
                true => cut(&format!("{so_far} credits, {left} left"), most),
                false => long,
            }
        });
        let times = std::iter::once(time).chain(left).collect::<Vec<_>>();
        let with = |start: &str, more: &[String]| [&[start.to_owned()], more].concat().join("  ");
        let all: Vec<String> = times.iter().cloned().chain(credits.clone()).collect();
        if let Some(line) = self.with_bar(&count, &with("", &all), most) {
            return vec![line];
        }
        let one = self.with_bar(&count, &with("", &times), most);
        let first = one.unwrap_or_else(|| {
            let candidates = [with(&count, &times), with(&short, &times)];
            let mut fits = candidates.iter().filter(|text| columns(text) <= most);
            Line::new(fits.next().map_or(short.as_str(), String::as_str))
        });
        let second = credits.map(|credits| Line::new(&credits));
        second.into_iter().chain([first]).collect()
    }

    /// A bar between two texts, if there is room for it.
    fn with_bar(&self, before: &str, after: &str, most: usize) -> Option<Line> {
        const SHORTEST: usize = 10;
        const LONGEST: usize = 32;
        let room = most.checked_sub(columns(before) + columns(after) + 1)?;
        if room < SHORTEST {
            return None;
        }
        let drawn = bar(self.done, self.planned, room.min(LONGEST));
        let cyan = Style::new().fg_color(Some(AnsiColor::Cyan.into()));
        let line = Line::new(&format!("{before} ")).and(cyan, &drawn);
        Some(line.and(Style::new(), after))
    }
}

/// Where the parts of a row's line stand: how long, how it is, and its text.
struct Columns {
    indent: &'static str,
    time: usize,
    state: usize,
    text: usize,
}

impl Columns {
    fn of(rows: &[&Row], now: Duration, most: usize) -> Self {
        const NARROW: usize = 50;
        /// What is left of a text at the least.
        const TEXT: usize = 10;
        let indent = if most < NARROW { "" } else { "  " };
        let widest = |of: &dyn Fn(&Row) -> usize| rows.iter().map(|row| of(row)).max().unwrap_or(0);
        let time = widest(&|row| clock(row.job.elapsed(now)).len()).max(4);
        let wanted = widest(&|row| columns(&row.job.short(now))).max(10);
        let room = most.saturating_sub(indent.len() + time + 4);
        let state = wanted.min(room.saturating_sub(TEXT));
        Self {
            indent,
            time,
            state,
            text: room.saturating_sub(state),
        }
    }

    fn line(&self, row: &Row, now: Duration) -> Line {
        let Self {
            indent,
            time,
            state,
            text,
        } = *self;
        let elapsed = clock(row.job.elapsed(now));
        let words = cut(&row.job.short(now), state);
        let gap = " ".repeat(state.saturating_sub(columns(&words)));
        Line::default()
            .and(Style::new().dimmed(), &format!("{indent}{elapsed:>time$}"))
            .and(Style::new(), &format!("  {words}{gap}"))
            .and(
                Style::new().dimmed(),
                &format!("  {}", cut(&row.text, text)),
            )
    }
}

#[cfg(test)]
mod tests;

//! What is drawn on a terminal while something goes on: a few lines under all that is printed, drawn anew in place.
//!
//! Invariants: what is printed meanwhile stands above the drawing; a line of it takes one row of the window, and all
//! of them leave a row free; between two drawings the cursor is at the start of the row under the last line.

use std::io::{self, Write as _};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anstream::{AutoStream, ColorChoice};
use anstyle::Style;
use unicode_width::UnicodeWidthChar as _;

use super::shown;
use crate::clock;

/// How often a drawing is made anew, so that nothing in it stands still.
const TICK: Duration = Duration::from_millis(250);

/// What can be drawn: its lines follow from what it holds, the time and the window.
pub(crate) trait Picture: Send + Sync {
    /// The lines at a time since the program began, the most important one last.
    fn lines(&self, now: Duration, size: Size) -> Vec<Line>;
}

/// How large the window is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Size {
    pub(crate) columns: usize,
    pub(crate) rows: usize,
}

impl Size {
    /// How many columns a line may take: with one more, some terminals go on to the next row.
    pub(crate) const fn line(self) -> usize {
        self.columns.saturating_sub(1)
    }

    fn of_terminal() -> Self {
        let size = terminal_size::terminal_size_of(io::stderr());
        let (columns, rows) = size.map_or((80, 24), |(width, height)| (width.0, height.0));
        // A terminal that does not know its size says that it has none.
        let or = |size: u16, usual| if size == 0 { usual } else { usize::from(size) };
        Self {
            columns: or(columns, 80),
            rows: or(rows, 24),
        }
    }
}

/// A line: pieces of text that cannot act on a terminal, each with its style.
#[derive(Debug, Default, Clone)]
pub(crate) struct Line(Vec<(Style, String)>);

impl Line {
    pub(crate) fn new(text: &str) -> Self {
        Self::default().and(Style::new(), text)
    }

    pub(crate) fn and(mut self, style: Style, text: &str) -> Self {
        self.0.push((style, shown(text)));
        self
    }

    pub(crate) fn columns(&self) -> usize {
        self.0.iter().map(|(_, text)| columns(text)).sum()
    }

    /// Its text alone.
    #[cfg(test)]
    pub(crate) fn text(&self) -> String {
        self.0.iter().map(|(_, text)| text.as_str()).collect()
    }

    /// The same in so many columns.
    fn within(&self, most: usize) -> Self {
        let mut left = most;
        let mut pieces = Vec::new();
        for (style, text) in &self.0 {
            let text = cut(text, left);
            left -= columns(&text);
            pieces.push((*style, text));
        }
        Self(pieces)
    }

    fn written(&self, colours: bool) -> String {
        let pieces = self.0.iter();
        let written = pieces.map(|(style, text)| match colours {
            true => format!("{style}{text}{style:#}"),
            false => text.clone(),
        });
        written.collect()
    }
}

/// How many columns a text takes.
pub(crate) fn columns(text: &str) -> usize {
    text.chars()
        .map(|character| character.width().unwrap_or(0))
        .sum()
}

/// A text in so many columns, with a sign that there is more of it if there is.
pub(crate) fn cut(text: &str, most: usize) -> String {
    if columns(text) <= most {
        return text.to_owned();
    }
    let mut left = most.saturating_sub(1);
    let mut kept = String::new();
    for character in text.chars() {
        let width = character.width().unwrap_or(0);
        if width > left {
            break;
        }
        left -= width;
        kept.push(character);
    }
    if most > 0 {
        kept.push('…');
    }
    kept
}

/// Begins to draw, in place of what was drawn before.
pub(super) fn begin(picture: Arc<dyn Picture>) {
    let (ticking, stopped) = mpsc::channel::<()>();
    let mut drawing = locked();
    drawing.picture = Some(picture);
    drawing.ticking = Some(ticking);
    drawing.draw();
    drop(drawing);
    // A thread of its own: it goes on while the program's own is at work. It ends when the sender is dropped.
    std::thread::spawn(move || {
        while stopped.recv_timeout(TICK) == Err(RecvTimeoutError::Timeout) {
            locked().draw();
        }
    });
}

/// Takes the drawing away.
pub(super) fn end() {
    let mut drawing = locked();
    drawing.erase();
    drawing.picture = None;
    drawing.ticking = None;
}

/// Draws at once what has changed.
pub(super) fn again() {
    locked().draw();
}

/// Prints above what is drawn.
pub(super) fn above<T>(print: impl FnOnce() -> T) -> T {
    let mut drawing = locked();
    drawing.erase();
    let printed = print();
    drawing.draw();
    printed
}

/// Nothing is drawn while a person is to type.
pub(super) fn pause(is_paused: bool) {
    let mut drawing = locked();
    drawing.erase();
    drawing.is_paused = is_paused;
}

/// What is drawn on this process's terminal; there is only one.
static DRAWING: Mutex<Drawing> = Mutex::new(Drawing {
    canvas: Canvas { drawn: Vec::new() },
    picture: None,
    ticking: None,
    is_paused: false,
});

struct Drawing {
    canvas: Canvas,
    picture: Option<Arc<dyn Picture>>,
    /// Dropped to end the ticks.
    ticking: Option<mpsc::Sender<()>>,
    is_paused: bool,
}

impl Drawing {
    fn draw(&mut self) {
        let Some(picture) = self.picture.as_ref().filter(|_| !self.is_paused) else {
            return;
        };
        let size = Size::of_terminal();
        let lines = picture.lines(clock::since_start(), size);
        let colours = AutoStream::choice(&io::stderr()) != ColorChoice::Never;
        write(&self.canvas.draw(&lines, size, colours));
    }

    fn erase(&mut self) {
        write(&self.canvas.erase(Size::of_terminal()));
    }
}

fn locked() -> MutexGuard<'static, Drawing> {
    DRAWING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// In one write, so that no half of it is seen. A terminal that is gone need not be drawn on.
fn write(text: &str) {
    let mut stderr = io::stderr().lock();
    let _ = stderr.write_all(text.as_bytes());
    let _ = stderr.flush();
}

/// What must be written to make one drawing of another.
#[derive(Debug)]
struct Canvas {
    /// How many columns each line has that is there.
    drawn: Vec<usize>,
}

impl Canvas {
    fn draw(&mut self, lines: &[Line], size: Size, colours: bool) -> String {
        let most = size.rows.saturating_sub(1);
        let first = lines.len().saturating_sub(most);
        let lines: Vec<Line> = lines[first..]
            .iter()
            .map(|line| line.within(size.line()))
            .collect();
        let mut text = self.to_top(size);
        for line in &lines {
            text.push_str(&line.written(colours));
            text.push_str("\u{1b}[K\r\n");
        }
        text.push_str("\u{1b}[J");
        self.drawn = lines.iter().map(Line::columns).collect();
        text
    }

    fn erase(&mut self, size: Size) -> String {
        if self.drawn.is_empty() {
            return String::new();
        }
        let text = self.to_top(size) + "\u{1b}[J";
        self.drawn.clear();
        text
    }

    /// A window that has become narrower shows a line in more rows than it was drawn in.
    fn to_top(&self, size: Size) -> String {
        let rows_of = |columns: &usize| columns.div_ceil(size.columns.max(1)).max(1);
        match self.drawn.iter().map(rows_of).sum::<usize>() {
            0 => String::new(),
            rows => format!("\r\u{1b}[{rows}A"),
        }
    }
}

#[cfg(test)]
mod tests;

use genrex_ledger::{Entry, Reconciliation, State};
use unicode_width::UnicodeWidthStr as _;

use super::cost::Prices;
use crate::clock;
use crate::files;
use crate::output::{cut, shown, window_width};

/// The jobs as lines of one width, where a terminal has one.
pub(super) struct Table<'a> {
    now: u64,
    prices: &'a Prices,
    /// How wide each of the columns before the prompt is; 0 for one that there is no room for.
    widths: [usize; 5],
    /// How wide the prompt and the file may be; `None` where nothing limits them.
    room: Option<(usize, usize)>,
    /// Whether there is room for the ids.
    with_ids: bool,
}

const HEADER: [&str; 5] = ["JOB", "AGE", "STATE", "SECONDS", "CREDITS"];
const AGE: usize = 1;
const STATE: usize = 2;
const SECONDS: usize = 3;
const CREDITS: usize = 4;
const PROMPT: &str = "PROMPT";
const FILE: &str = "FILE";
const ID: &str = "ID";
/// Between two columns.
const GAP: &str = "  ";

impl<'a> Table<'a> {
    pub(super) fn of(entries: &[Entry], prices: &'a Prices) -> Self {
        Self::within(entries, prices, window_width(), clock::now())
    }

    fn within(entries: &[Entry], prices: &'a Prices, columns: Option<usize>, now: u64) -> Self {
        let mut widths = HEADER.map(str::len);
        let mut files = FILE.len();
        for entry in entries {
            for (width, cell) in widths.iter_mut().zip(cells(entry, prices, now)) {
                *width = cell.width().max(*width);
            }
            files = files.max(file(entry).width());
        }
        if let Some(columns) = columns {
            make_room(&mut widths, columns);
        }
        let taken = taken(&widths);
        Self {
            now,
            prices,
            widths,
            room: columns.map(|columns| divided(columns.saturating_sub(taken), files)),
            with_ids: columns.is_none(),
        }
    }

    pub(super) fn header(&self) -> String {
        self.line(&HEADER.map(str::to_owned), PROMPT, FILE, ID)
    }

    pub(super) fn row(&self, entry: &Entry) -> String {
        let id = entry.query_id.as_ref().map_or("-", |id| id.as_str());
        let prompt = shown(&entry.text);
        let cells = cells(entry, self.prices, self.now);
        self.line(&cells, &prompt, &file(entry), id)
    }

    fn line(&self, cells: &[String; 5], prompt: &str, file: &str, id: &str) -> String {
        let mut line = String::new();
        for (at, (cell, width)) in cells.iter().zip(self.widths).enumerate() {
            if width == 0 {
                continue;
            }
            let cell = cut(cell, width);
            let space = " ".repeat(width.saturating_sub(cell.width()));
            // Numbers end in one column, words begin in one.
            line += &if at == STATE {
                format!("{cell}{space}")
            } else {
                format!("{space}{cell}")
            };
            line += GAP;
        }
        match self.room {
            None => {
                line += prompt;
                line += GAP;
                line += file;
            }
            Some((most, for_file)) => {
                let prompt = cut(prompt, most);
                line += &prompt;
                if for_file > 0 {
                    line += &" ".repeat(most.saturating_sub(prompt.width()));
                    line += GAP;
                    line += &cut_front(file, for_file);
                }
            }
        }
        if self.with_ids {
            line += GAP;
            line += id;
        }
        line.trim_end().to_owned()
    }
}

/// Leaves columns out until there is room for a prompt that tells jobs apart. The number and the state stay; a long
/// state is cut.
fn make_room(widths: &mut [usize; 5], columns: usize) {
    const PROMPT_AT_LEAST: usize = 12;
    const STATE_AT_LEAST: usize = 10;
    for left_out in [CREDITS, SECONDS, AGE] {
        if taken(widths) + PROMPT_AT_LEAST <= columns {
            return;
        }
        widths[left_out] = 0;
    }
    if taken(widths) + PROMPT_AT_LEAST > columns {
        widths[STATE] = widths[STATE].min(STATE_AT_LEAST);
    }
}

/// How wide all columns before the prompt are, with what is between them.
fn taken(widths: &[usize; 5]) -> usize {
    let there = widths.iter().filter(|width| **width > 0);
    there.map(|width| width + GAP.len()).sum()
}

/// The prompt has most of the room; a file that does not get half of its name has none.
fn divided(room: usize, files: usize) -> (usize, usize) {
    const SHORTEST: usize = 12;
    let for_file = files.min(room / 2);
    if for_file < SHORTEST.min(files) {
        return (room, 0);
    }
    (room.saturating_sub(for_file + GAP.len()), for_file)
}

fn cells(entry: &Entry, prices: &Prices, now: u64) -> [String; 5] {
    [
        entry.id.to_string(),
        age(now.saturating_sub(entry.created_at)),
        state(entry),
        entry.duration.to_string(),
        prices
            .expected(entry)
            .map_or_else(|| String::from("-"), |credits| credits.to_string()),
    ]
}

/// Where it stands, and of an ambiguous one what is known besides.
fn state(entry: &Entry) -> String {
    let state = entry.state;
    if let Some(other) = entry.superseded_by {
        return format!("{state}, superseded by {other}");
    }
    match entry.reconciliation {
        Some(found @ (Reconciliation::Charged | Reconciliation::NotCharged))
            if state == State::Ambiguous =>
        {
            format!("{state}, {}", found.as_str())
        }
        _ => state.to_string(),
    }
}

fn file(entry: &Entry) -> String {
    let path = entry.path.as_deref().map(files::from_here);
    path.map_or_else(|| String::from("-"), shown)
}

/// A time that has passed, in its largest unit.
fn age(millis: u64) -> String {
    let seconds = millis / 1000;
    match (seconds / 60, seconds / 3600, seconds / 86_400) {
        (0, ..) => format!("{seconds} s"),
        (minutes, 0, _) => format!("{minutes} min"),
        (_, hours, 0) => format!("{hours} h"),
        (_, _, days) => format!("{days} d"),
    }
}

/// The end of a path that fits: its name is there.
fn cut_front(path: &str, most: usize) -> String {
    let backwards: String = path.chars().rev().collect();
    cut(&backwards, most).chars().rev().collect()
}

#[cfg(test)]
mod tests {
    use genrex_ledger::{Account, Event, Intent, Ledger as _, LocalId, MemoryLedger};

    use super::*;

    async fn entries() -> Vec<Entry> {
        let ledger = MemoryLedger::new();
        let account = Account::new("https://a.example", "u");
        for (key, text) in [(1, "a slow song about 雨 and the sea"), (2, "b")] {
            let intent = Intent::new(key, account.clone(), text, 10, b"{}");
            let id = ledger.intend(&intent, 0).await.unwrap().id;
            ledger.record(id, &Event::Sent, 0).await.unwrap();
        }
        let done = Event::Downloaded {
            path: String::from("/elsewhere/a-slow-song-about-rain.wav"),
            bytes: 1,
            sha256: String::new(),
        };
        let accepted = Event::Accepted("QRY_1".parse().unwrap());
        for event in [accepted, done] {
            ledger.record(LocalId(1), &event, 0).await.unwrap();
        }
        let lost = Event::Ambiguous(String::new());
        ledger.record(LocalId(2), &lost, 0).await.unwrap();
        let mut all = ledger
            .entries(&genrex_ledger::Filter::default())
            .await
            .unwrap();
        for entry in &mut all {
            if entry.id == LocalId(2) {
                entry.superseded_by = Some(LocalId(7));
            }
        }
        all
    }

    #[tokio::test]
    async fn every_line_fits_and_says_what_counts() {
        let entries = entries().await;
        let prices = Prices::default();
        for columns in [30, 40, 60, 80, 100, 200] {
            let table = Table::within(&entries, &prices, Some(columns), 7_300_000);
            assert!(table.header().width() <= columns, "{columns}");
            let rows = [("1", "downloaded", "a slow"), ("2", "ambiguous", "b")];
            for (entry, (number, state, prompt)) in entries.iter().rev().zip(rows) {
                let line = table.row(entry);
                assert!(line.width() <= columns, "{columns}: {line}");
                // At any width these tell it from others.
                let words = line.trim_start();
                assert!(words.starts_with(number), "{columns}: {line}");
                assert!(line.contains(state), "{columns}: {line}");
                assert!(line.contains(prompt), "{columns}: {line}");
            }
        }
        let table = Table::within(&entries, &prices, None, 7_300_000);
        let all = entries.iter().map(|entry| table.row(entry));
        let all: Vec<_> = all.collect();
        assert!(all[0].contains("ambiguous, superseded by 7"), "{all:?}");
        for word in [
            "2 h",
            "downloaded",
            "雨 and the sea",
            "/elsewhere/a-slow",
            "QRY_1",
        ] {
            assert!(all[1].contains(word), "{word}: {all:?}");
        }
    }

    #[test]
    fn a_text_is_cut_where_it_is_too_wide() {
        assert_eq!(cut("雨雨雨", 6), "雨雨雨");
        assert_eq!(cut("雨雨雨", 5), "雨雨…");
        assert_eq!(cut("abc", 2), "a…");
        assert_eq!(cut("abc", 0), "");
        assert_eq!(cut_front("/a/b.wav", 6), "…b.wav");
    }

    #[test]
    fn an_age_is_told_in_its_largest_unit() {
        let ages = [59_000, 60_000, 3_600_000, 86_400_000, 900_000_000].map(age);
        assert_eq!(ages, ["59 s", "1 min", "1 h", "1 d", "10 d"]);
    }
}

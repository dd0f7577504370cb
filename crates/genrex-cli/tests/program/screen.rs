//! A terminal's screen as far as the program writes to one: text, line ends, cursor up, erasing, colours. It folds long
//! lines, and folds them anew when the window's width changes. Whatever else is written fails.

use unicode_width::UnicodeWidthChar as _;

/// How a character looks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Look {
    pub(crate) is_bold: bool,
    pub(crate) is_dim: bool,
    /// One of the eight colours, from 0.
    pub(crate) colour: Option<u8>,
}

type Cell = (char, Look);

/// A row of the window, and whether its text goes on in the next.
#[derive(Debug, Clone, Default)]
struct Row {
    cells: Vec<Cell>,
    is_folded: bool,
}

/// The rows from the first that was ever written, those that have scrolled away included.
#[derive(Debug, Clone)]
pub(crate) struct Screen {
    columns: usize,
    height: usize,
    rows: Vec<Row>,
    row: usize,
    column: usize,
    /// Where the window's first row was last.
    top: usize,
    look: Look,
}

impl Screen {
    pub(crate) fn new(columns: usize, height: usize) -> Self {
        Self {
            columns,
            height,
            rows: vec![Row::default()],
            row: 0,
            column: 0,
            top: 0,
            look: Look::default(),
        }
    }

    pub(crate) fn write(&mut self, text: &str) {
        let mut characters = text.chars();
        while let Some(character) = characters.next() {
            match character {
                '\r' => self.column = 0,
                '\n' => self.next_row(false),
                '\u{1b}' => {
                    assert_eq!(characters.next(), Some('['), "an escape of another kind");
                    let mut arguments = String::new();
                    let command = loop {
                        match characters.next().expect("an escape that is cut off") {
                            digit @ ('0'..='9' | ';') => arguments.push(digit),
                            command => break command,
                        }
                    };
                    self.command(command, &arguments);
                }
                character => self.put(character),
            }
        }
    }

    /// Lines that were folded are made whole, and folded at the new width; the cursor stays at its line's place.
    pub(crate) fn resize(&mut self, columns: usize, height: usize) {
        let old = std::mem::replace(self, Self::new(columns, height));
        let mut rows = Vec::new();
        let mut line = Vec::new();
        for (at, row) in old.rows.into_iter().enumerate() {
            if at == old.row {
                let place = line.len() + old.column;
                (self.row, self.column) = (rows.len() + place / columns, place % columns);
            }
            line.extend(row.cells);
            if !row.is_folded {
                rows.extend(folded(&std::mem::take(&mut line), columns));
            }
        }
        self.rows = rows;
        self.top = self.rows.len().saturating_sub(height);
    }

    /// What is seen: the window's rows without the blanks at their ends, and no empty ones at its end.
    pub(crate) fn seen(&self) -> String {
        self.from(self.top)
    }

    /// The same with all that has scrolled away.
    pub(crate) fn all(&self) -> String {
        self.from(0)
    }

    /// The window's rows, each as its characters and their looks.
    pub(crate) fn cells(&self) -> impl Iterator<Item = &[Cell]> {
        self.rows[self.top..].iter().map(|row| row.cells.as_slice())
    }

    fn from(&self, first: usize) -> String {
        let rows = self.rows[first..].iter();
        let rows: Vec<String> = rows
            .map(|row| {
                let text: String = row.cells.iter().map(|(character, _)| *character).collect();
                text.trim_end().to_owned()
            })
            .collect();
        rows.join("\n").trim_end().to_owned() + "\n"
    }

    fn command(&mut self, command: char, arguments: &str) {
        match (command, arguments) {
            ('m', codes) => codes.split(';').for_each(|code| self.dress(code)),
            ('K', "") => self.rows[self.row].cells.truncate(self.column),
            ('J', "") => {
                self.rows[self.row].cells.truncate(self.column);
                self.rows.truncate(self.row + 1);
            }
            ('A', rows) => {
                let rows: usize = rows.parse().unwrap();
                self.row = self.row.saturating_sub(rows).max(self.top);
            }
            _ => panic!("{arguments}{command} is not known"),
        }
    }

    fn dress(&mut self, code: &str) {
        match code {
            "" | "0" => self.look = Look::default(),
            "1" => self.look.is_bold = true,
            "2" => self.look.is_dim = true,
            _ => {
                let colour = code.strip_prefix(['3', '9']).and_then(|of| of.parse().ok());
                self.look.colour = Some(colour.expect("a colour"));
            }
        }
    }

    fn put(&mut self, character: char) {
        let width = character.width().expect("a control character");
        if self.column + width > self.columns {
            self.next_row(true);
            self.column = 0;
        }
        let cells = &mut self.rows[self.row].cells;
        if cells.len() < self.column {
            cells.resize(self.column, (' ', Look::default()));
        }
        if cells.len() == self.column {
            cells.push((character, self.look));
        } else {
            cells[self.column] = (character, self.look);
        }
        self.column += 1;
    }

    fn next_row(&mut self, is_folded: bool) {
        self.rows[self.row].is_folded = is_folded;
        self.row += 1;
        if self.row == self.rows.len() {
            self.rows.push(Row::default());
        }
        self.scroll();
    }

    fn scroll(&mut self) {
        self.top = self.top.max((self.row + 1).saturating_sub(self.height));
    }
}

fn folded(line: &[Cell], columns: usize) -> Vec<Row> {
    let parts = line.chunks(columns).map(<[Cell]>::to_vec);
    let mut rows: Vec<Row> = parts
        .map(|cells| Row {
            cells,
            is_folded: true,
        })
        .collect();
    match rows.last_mut() {
        Some(last) => last.is_folded = false,
        None => rows.push(Row::default()),
    }
    rows
}

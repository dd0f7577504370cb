//! The rows of a batch: CSV with a header, JSON Lines, a JSON array, or plain lines, told apart by their content.

mod array;
mod place;
mod table;
#[cfg(test)]
mod tests;
mod text;
mod written;

use std::collections::HashMap;
use std::fmt;
use std::io::{self, Read};
use std::path::PathBuf;

use genrex_async::{Prompt, QueryId, Seconds};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use self::array::Array;
use self::place::{inside, storable};
use self::table::{Header, Table, header_of};
use self::text::Text;
use self::written::{Column, WRITE, Written, shortened};
use crate::template::{Field, Template, Values};

/// The most bytes of a row as it is written: a prompt has 250 characters, each of which JSON can write in twelve.
const LONGEST: usize = 64 * 1024;

/// A prompt of a batch.
#[derive(Debug, Clone)]
pub struct Row {
    /// The line that it begins on, from 1.
    pub line: u64,
    /// Which row it is, from 1.
    pub number: u64,
    /// What to make.
    pub text: Prompt,
    /// How much of it.
    pub duration: Seconds,
    /// Where in the folder its audio goes, if that is said.
    output: Option<Template>,
    /// The columns that a batch does not know, as they are written.
    pub others: Vec<(String, Value)>,
    /// What it is known by in the ledger: a hash of its text and duration, and which of its like it is. So a row
    /// keeps its name when others come and go around it, and when its output is named.
    pub name: String,
}

/// What is said for all rows, and holds for those that say nothing else.
#[derive(Debug, Clone, Default)]
pub struct Defaults {
    /// How long a piece is. With it, plain lines are prompts.
    pub duration: Option<Seconds>,
    /// Where in the folder the audio goes.
    pub output: Option<Template>,
}

impl Row {
    /// Where in the folder its audio goes, if that is said, and known before its job has an id.
    #[must_use]
    pub fn output(&self, id: Option<&str>) -> Option<PathBuf> {
        let template = self.output.as_ref()?;
        let id = match id {
            Some(id) => id,
            None if template.has(Field::Id) => return None,
            None => "",
        };
        Some(PathBuf::from(self.named(template, id)))
    }

    /// The same as it is with the longest id that a job can have.
    #[must_use]
    pub fn longest_output(&self) -> Option<PathBuf> {
        self.output(Some(&"Q".repeat(QueryId::MAX_LENGTH)))
    }

    /// How many folders and names its place in the folder has.
    #[must_use]
    pub fn depth(&self) -> usize {
        let path = self.output(Some("id"));
        path.map_or(1, |path| path.components().count())
    }

    fn named(&self, template: &Template, id: &str) -> String {
        template.name(&Values {
            id,
            prompt: self.text.as_str(),
            line: self.line,
            number: self.number,
        })
    }
}

/// A row that is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadRow {
    /// The line that it begins on, from 1.
    pub line: u64,
    /// The column that is wrong, by the name that the file gives it; none if it is the whole row.
    pub column: Option<String>,
    /// What is wrong with it, and what to write.
    pub fault: String,
}

impl fmt::Display for BadRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.column {
            Some(column) => write!(f, "line {}, column {column}: {}", self.line, self.fault),
            None => write!(f, "line {}: {}", self.line, self.fault),
        }
    }
}

/// The rows of a file, in order. After one whose end is not known there is none.
#[derive(Debug)]
pub struct Rows<R> {
    format: Format<R>,
    defaults: Defaults,
    /// How many rows like each there were so far, by the first half of their hash.
    alike: HashMap<[u8; 16], u32>,
    count: u64,
    has_ended: bool,
}

#[derive(Debug)]
enum Format<R> {
    Table(Table<R>),
    JsonLines(Text<R>),
    Array(Array<R>),
    Plain(Text<R>),
}

/// A row and the line that it begins on.
type Numbered = (u64, Result<Written, Fault>);

impl<R: Read> Rows<R> {
    /// Reads as much as tells the form, and the header of a table.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or has none of the forms.
    pub fn read(reader: R, defaults: Defaults) -> Result<Self, BadRow> {
        let (text, start) = Text::of(reader).map_err(|error| Fault::from(error).at(1))?;
        let format = Format::of(text, &start, defaults.duration.is_some())?;
        Ok(Self {
            format,
            defaults,
            alike: HashMap::new(),
            count: 0,
            has_ended: false,
        })
    }

    fn row(&mut self, line: u64, written: Written) -> Result<Row, Fault> {
        self.count += 1;
        let Some(text) = written.text else {
            return Err(without_text(&written.others));
        };
        let duration = Column::or_empty(written.duration, "duration");
        let output = Column::or_empty(written.output, "output");
        let prompt = checked(&text)?;
        let Some(seconds) = duration.seconds()?.or(self.defaults.duration) else {
            let fault = "nothing is written there; write whole seconds, 5 to 60, or give --duration for all rows";
            return Err(duration.fault(fault.to_owned()));
        };
        let template = match output.text()? {
            Some(written) => Some(Template::new(&written).map_err(|fault| output.fault(fault))?),
            None => self.defaults.output.clone(),
        };
        let row = Row {
            line,
            number: self.count,
            name: self.name(&prompt, seconds),
            text: prompt,
            duration: seconds,
            output: template,
            others: written.others,
        };
        if let Some(template) = &row.output {
            inside(&row.named(template, "id")).map_err(|fault| output.fault(fault))?;
        }
        if let Some(longest) = row.longest_output() {
            storable(&longest).map_err(|fault| output.fault(fault))?;
        }
        Ok(row)
    }

    /// See [`Row::name`].
    fn name(&mut self, text: &Prompt, duration: Seconds) -> String {
        let mut hash = Sha256::new();
        for part in [text.as_str(), &duration.get().to_string()] {
            hash.update(part);
            hash.update([0]);
        }
        let digest: [u8; 32] = hash.finalize().into();
        let half = digest.first_chunk::<16>().copied().unwrap_or_default();
        let nth = self.alike.entry(half).or_default();
        *nth += 1;
        format!("{}:{nth}", hex::encode(half))
    }
}

impl<R: Read> Iterator for Rows<R> {
    type Item = Result<Row, BadRow>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.has_ended {
            return None;
        }
        let (line, written) = self.format.next()?;
        let row = written.and_then(|written| self.row(line, written));
        Some(row.map_err(|fault| {
            self.has_ended |= fault.is_last;
            fault.at(line)
        }))
    }
}

impl<R: Read> Format<R> {
    fn of(text: Text<R>, start: &[u8], has_duration: bool) -> Result<Self, BadRow> {
        let first = start.trim_ascii_start().first();
        let is_plain = has_duration && header_of(start) == Header::None;
        Ok(match first {
            Some(b'{') => Self::JsonLines(text),
            // A plain line may begin with a bracket.
            Some(b'[') if array::begins(start) || !is_plain => Self::Array(Array::new(text)),
            None => Self::Plain(text),
            Some(_) if is_plain => Self::Plain(text),
            Some(_) => Self::Table(Table::read(text, !has_duration)?),
        })
    }

    fn next(&mut self) -> Option<Numbered> {
        match self {
            Self::Table(table) => table.next(),
            Self::Array(array) => array.next(),
            Self::JsonLines(text) => {
                let (line, json) = text.next_line()?;
                Some((
                    line,
                    json.and_then(|json| Written::of_json(json.as_bytes())),
                ))
            }
            Self::Plain(text) => {
                let (line, prompt) = text.next_line()?;
                let written = prompt.and_then(|prompt| {
                    let mut written = Written::default();
                    written.put("text", Value::String(prompt))?;
                    Ok(written)
                });
                Some((line, written))
            }
        }
    }
}

/// What is wrong with a row.
#[derive(Debug)]
struct Fault {
    column: Option<String>,
    message: String,
    /// Whether nobody knows where the next row begins.
    is_last: bool,
}

impl Fault {
    const fn of(message: String) -> Self {
        Self {
            column: None,
            message,
            is_last: false,
        }
    }

    fn too_long() -> Self {
        let message = "it is longer than 64 KiB; is a quote or a brace not closed?";
        Self {
            is_last: true,
            ..Self::of(message.to_owned())
        }
    }

    fn no_text() -> Self {
        Self::of(String::from(
            "it is not text in UTF-8 or UTF-16; save the file as UTF-8",
        ))
    }

    fn in_column(self, column: &str) -> Self {
        let column = Some(column.to_owned());
        Self { column, ..self }
    }

    fn at(self, line: u64) -> BadRow {
        BadRow {
            line,
            column: self.column,
            fault: self.message,
        }
    }
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        Self {
            is_last: true,
            ..Self::of(error.to_string())
        }
    }
}

/// A table has the column, or is refused as a whole: this is an object of JSON.
fn without_text(others: &[(String, Value)]) -> Fault {
    let names: Vec<_> = others.iter().map(|(name, _)| name.as_str()).collect();
    let instead = match names.as_slice() {
        [] => String::new(),
        names => format!(", but {:?}", shortened(&names.join(", "))),
    };
    Fault::of(format!("it has no key text{instead}; {WRITE}"))
}

/// A prompt in which anything is written.
fn checked(text: &Column) -> Result<Prompt, Fault> {
    let written = text.text()?.unwrap_or_default();
    if written.trim().is_empty() {
        return Err(text.fault(String::from(
            "the prompt is empty or blank; write what to make",
        )));
    }
    Prompt::new(written).map_err(|error| text.fault(format!("{error}; shorten it")))
}

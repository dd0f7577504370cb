//! CSV with a header, as spreadsheets write it: commas, semicolons or tabs, and quoted fields with line breaks.

use std::io::Read;

use serde_json::Value;

use super::text::Text;
use super::written::{Written, shortened};
use super::{BadRow, Fault, LONGEST, Numbered};

/// A table whose header was read.
#[derive(Debug)]
pub(super) struct Table<R> {
    text: Text<R>,
    delimiter: u8,
    /// The names of the columns, as they are written.
    header: Vec<String>,
}

/// What the start of a file shows of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Header {
    /// It has a column of prompts.
    Table,
    /// It has none, but another that a batch knows.
    NoText,
    /// Nothing of a table.
    None,
}

/// Whether a text begins with the header of a table.
pub(super) fn header_of(start: &[u8]) -> Header {
    let line = start.split(|byte| matches!(byte, b'\n' | b'\r'));
    let line = line.into_iter().find(|line| !line.trim_ascii().is_empty());
    let Some(line) = line.and_then(|line| str::from_utf8(line).ok()) else {
        return Header::None;
    };
    if hinted(line.as_bytes()).is_some() {
        return Header::Table;
    }
    let names = names_of(line, delimiter_of(line));
    let has = |name: &str| names.iter().any(|it| it.eq_ignore_ascii_case(name));
    if has("text") {
        Header::Table
    } else if has("duration") || has("output") {
        Header::NoText
    } else {
        Header::None
    }
}

impl<R: Read> Table<R> {
    /// Reads the header. `needs_duration` says that no other place names how long a piece is.
    pub(super) fn read(mut text: Text<R>, needs_duration: bool) -> Result<Self, BadRow> {
        let (mut line, header) = text.next_line().unwrap_or((1, Ok(String::new())));
        let mut header = header.map_err(|fault| fault.at(line))?;
        let mut delimiter = delimiter_of(&header);
        if let Some(hinted) = hinted(header.as_bytes()) {
            delimiter = hinted;
            let next = text.next_line().unwrap_or((line, Ok(String::new())));
            line = next.0;
            header = next.1.map_err(|fault| fault.at(line))?;
        }
        let table = Self {
            text,
            delimiter,
            header: names_of(&header, delimiter),
        };
        table
            .check(needs_duration)
            .map_err(|fault| fault.at(line))?;
        Ok(table)
    }

    fn check(&self, needs_duration: bool) -> Result<(), Fault> {
        const WRITE: &str =
            "write text,duration as the first line (and output, if you name the files)";
        let shown = shortened(&self.header.join(", "));
        for name in ["text", "duration", "output"] {
            let columns = self
                .header
                .iter()
                .filter(|it| it.eq_ignore_ascii_case(name));
            match columns.count() {
                0 if name == "text" => {
                    // With it the first line was taken for a header all the same: it names another column.
                    let or = if needs_duration {
                        ", or give --duration to read each line as a prompt"
                    } else {
                        ""
                    };
                    return Err(Fault::of(format!(
                        "the header names no column text, but {shown:?}; {WRITE}{or}"
                    )));
                }
                0 if name == "duration" && needs_duration => {
                    return Err(Fault::of(format!(
                        "the header names no column duration, but {shown:?}; {WRITE}, or give --duration for all rows"
                    )));
                }
                0 | 1 => {}
                _ => {
                    return Err(Fault::of(format!(
                        "the header names {name} twice; leave one of the columns out"
                    )));
                }
            }
        }
        Ok(())
    }

    /// The next row in which anything is written.
    pub(super) fn next(&mut self) -> Option<Numbered> {
        loop {
            let line = self.text.line();
            let fields = match self.record() {
                Ok(fields) => fields?,
                Err(fault) => return Some((line, Err(fault))),
            };
            if fields.iter().any(|field| !field.trim_ascii().is_empty()) {
                return Some((line, self.written(fields)));
            }
        }
    }

    fn written(&self, fields: Vec<Vec<u8>>) -> Result<Written, Fault> {
        if fields.len() != self.header.len() {
            let (found, expected) = (fields.len(), self.header.len());
            return Err(Fault::of(format!(
                "it has {found} fields, and the header {expected}; put a text that holds the delimiter into quotes"
            )));
        }
        let mut written = Written::default();
        for (name, field) in self.header.iter().zip(fields) {
            let field = String::from_utf8(field).map_err(|_| Fault::no_text().in_column(name))?;
            written.put(name, Value::String(field))?;
        }
        Ok(written)
    }

    /// The fields of the next record, of any number of lines.
    fn record(&mut self) -> Result<Option<Vec<Vec<u8>>>, Fault> {
        if self.text.peek()?.is_none() {
            return Ok(None);
        }
        let mut record = Record {
            fields: vec![Vec::new()],
            place: Place::Start,
        };
        let mut length = 0;
        loop {
            let Some(byte) = self.text.next()? else {
                return match record.place {
                    Place::Quoted => Err(self.fault(
                        &record.fields,
                        "its quotes are not closed; write \" at the end of it",
                    )),
                    Place::Start | Place::Plain | Place::Closed => Ok(Some(record.fields)),
                };
            };
            if record.place != Place::Quoted && matches!(byte, b'\n' | b'\r') {
                self.text.end_line(byte)?;
                return Ok(Some(record.fields));
            }
            length += 1;
            if length > LONGEST {
                return Err(Fault::too_long());
            }
            if !record.take(byte, self.delimiter) {
                return Err(self.fault(
                    &record.fields,
                    "something stands behind its quotes; write a quote within quotes twice",
                ));
            }
        }
    }

    /// Where the record ends nobody knows.
    fn fault(&self, fields: &[Vec<u8>], message: &str) -> Fault {
        let fault = Fault {
            is_last: true,
            ..Fault::of(message.to_owned())
        };
        match self.header.get(fields.len() - 1) {
            Some(name) => fault.in_column(name),
            None => fault,
        }
    }
}

/// A record that is being read.
struct Record {
    fields: Vec<Vec<u8>>,
    place: Place,
}

impl Record {
    /// Takes a byte; says whether it can stand there. A quote opens a field only at its start.
    fn take(&mut self, byte: u8, delimiter: u8) -> bool {
        let (place, is_text) = match (self.place, byte) {
            (Place::Start, b'"') => (Place::Quoted, false),
            (Place::Quoted, b'"') => (Place::Closed, false),
            (Place::Closed, b'"') | (Place::Quoted, _) => (Place::Quoted, true),
            (Place::Start | Place::Plain | Place::Closed, _) if byte == delimiter => {
                self.fields.push(Vec::new());
                (Place::Start, false)
            }
            (Place::Closed, b' ') => (Place::Closed, false),
            (Place::Closed, _) => return false,
            (Place::Start | Place::Plain, _) => (Place::Plain, true),
        };
        self.place = place;
        if is_text && let Some(field) = self.fields.last_mut() {
            field.push(byte);
        }
        true
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Start,
    Plain,
    Quoted,
    /// Behind a quote that ends the field, unless another follows.
    Closed,
}

/// What `sep=;` says, which spreadsheets read and some write.
fn hinted(line: &[u8]) -> Option<u8> {
    match line.trim_ascii().strip_prefix(b"sep=") {
        Some([delimiter]) => Some(*delimiter),
        _ => match line.strip_prefix(b"sep=") {
            Some([b'\t']) => Some(b'\t'),
            _ => None,
        },
    }
}

/// The one that makes a column of prompts, or else the most columns.
fn delimiter_of(header: &str) -> u8 {
    let columns = |delimiter: &u8| {
        let names = names_of(header, *delimiter);
        let has_text = names.iter().any(|name| name.eq_ignore_ascii_case("text"));
        (has_text, names.len())
    };
    // The last of those that are alike counts, which is the comma.
    let found = [b'\t', b';', b','].into_iter().max_by_key(columns);
    found.unwrap_or(b',')
}

fn names_of(header: &str, delimiter: u8) -> Vec<String> {
    let mut names = vec![String::new()];
    let mut is_quoted = false;
    for character in header.chars() {
        if character == '"' {
            is_quoted = !is_quoted;
        } else if character == char::from(delimiter) && !is_quoted {
            names.push(String::new());
        } else {
            names
                .iter_mut()
                .next_back()
                .into_iter()
                .for_each(|name| name.push(character));
        }
    }
    names.iter().map(|name| name.trim().to_owned()).collect()
}

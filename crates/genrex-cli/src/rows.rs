//! The rows of a batch: CSV with a header, or JSON Lines, told apart by how they begin.

use std::collections::HashMap;
use std::fmt;
use std::io::{self, BufRead, Read};
use std::path::{Component, PathBuf};

use genrex_async::{Prompt, Seconds};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

/// The most bytes of a row as it is written: a prompt has 250 characters, each of which JSON can write in twelve.
const LONGEST: usize = 64 * 1024;

const TOO_LONG: &str = "it is longer than 64 KiB";

/// A prompt of a batch.
#[derive(Debug, Clone)]
pub struct Row {
    /// The line that it begins on, from 1.
    pub line: u64,
    /// What to make.
    pub text: Prompt,
    /// How much of it.
    pub duration: Seconds,
    /// Where in the folder its audio goes, if that is said.
    pub output: Option<PathBuf>,
    /// What it is known by in the ledger: a hash of its text and duration, and which of its like it is. So a row
    /// keeps its name when others come and go around it, and when its output is named.
    pub name: String,
}

/// A row that is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadRow {
    /// The line that it begins on, from 1.
    pub line: u64,
    /// What is wrong with it.
    pub fault: String,
}

impl fmt::Display for BadRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.fault)
    }
}

/// The rows of a file, in order. After one that is too long there is none: nobody knows where the next begins.
#[derive(Debug)]
pub struct Rows<R> {
    format: Format<R>,
    /// How many rows like each there were so far, by the first half of their hash.
    alike: HashMap<[u8; 16], u32>,
    has_ended: bool,
}

#[derive(Debug)]
enum Format<R> {
    Csv(Box<Csv<R>>),
    Json { reader: R, line: u64 },
}

#[derive(Debug)]
struct Csv<R> {
    header: csv::StringRecord,
    reader: csv::Reader<Bounded<R>>,
}

/// A row as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    text: String,
    duration: u32,
    #[serde(default)]
    output: Option<String>,
}

impl<R: BufRead> Rows<R> {
    /// Reads as much as tells the form, and the header of CSV.
    ///
    /// # Errors
    ///
    /// The header cannot be read.
    pub fn read(mut reader: R) -> Result<Self, BadRow> {
        let unreadable = |error: &io::Error| BadRow {
            line: 1,
            fault: error.to_string(),
        };
        let start = reader.fill_buf().map_err(|error| unreadable(&error))?;
        let start = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(start);
        let is_json = start.trim_ascii_start().starts_with(b"{");
        let format = if is_json {
            Format::Json { reader, line: 0 }
        } else {
            Format::Csv(Box::new(Csv::read(reader)?))
        };
        Ok(Self {
            format,
            alike: HashMap::new(),
            has_ended: false,
        })
    }

    fn row(&mut self, line: u64, written: Written) -> Result<Row, String> {
        let output = written.output.filter(|output| !output.is_empty());
        let mut hash = Sha256::new();
        for part in [written.text.as_str(), &written.duration.to_string()] {
            hash.update(part);
            hash.update([0]);
        }
        let digest: [u8; 32] = hash.finalize().into();
        let half = digest.first_chunk::<16>().copied().unwrap_or_default();
        let nth = self.alike.entry(half).or_default();
        *nth += 1;
        Ok(Row {
            line,
            text: Prompt::new(written.text).map_err(|error| error.to_string())?,
            duration: Seconds::new(written.duration).map_err(|error| error.to_string())?,
            output: output.map(|output| inside(&output)).transpose()?,
            name: format!("{}:{nth}", hex::encode(half)),
        })
    }
}

impl<R: BufRead> Iterator for Rows<R> {
    type Item = Result<Row, BadRow>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.has_ended {
            return None;
        }
        let (line, written) = match &mut self.format {
            Format::Csv(csv) => csv.next()?,
            Format::Json { reader, line } => next_json(reader, line)?,
        };
        self.has_ended = matches!(&written, Err(fault) if fault == TOO_LONG);
        let row = written.and_then(|written| self.row(line, written));
        Some(row.map_err(|fault| BadRow { line, fault }))
    }
}

/// A row and the line that it begins on.
type Numbered = (u64, Result<Written, String>);

impl<R: BufRead> Csv<R> {
    fn read(reader: R) -> Result<Self, BadRow> {
        let mut reader = csv::ReaderBuilder::new()
            .trim(csv::Trim::Headers)
            .from_reader(Bounded {
                inner: reader,
                left: 0,
            });
        reader.get_mut().allow_a_record();
        let bad = |fault| BadRow { line: 1, fault };
        let header = reader.headers().cloned();
        let header = header.map_err(|error| bad(csv_fault(&error)))?;
        if reader.position().byte() > length(LONGEST) {
            return Err(bad(TOO_LONG.to_owned()));
        }
        Ok(Self { header, reader })
    }

    fn next(&mut self) -> Option<Numbered> {
        self.reader.get_mut().allow_a_record();
        let before = self.reader.position().clone();
        let mut record = csv::StringRecord::new();
        let read = self.reader.read_record(&mut record);
        let own = record.position().unwrap_or(&before);
        let (line, start) = (own.line(), own.byte());
        let written = match read {
            Ok(false) => return None,
            Ok(true) if self.reader.position().byte() - start > length(LONGEST) => {
                return Some((line, Err(TOO_LONG.to_owned())));
            }
            Ok(true) => record.deserialize(Some(&self.header)),
            Err(error) => Err(error),
        };
        Some((line, written.map_err(|error| csv_fault(&error))))
    }
}

/// Gives no more than a record may need: the CSV reader itself takes in a record of any length.
#[derive(Debug)]
struct Bounded<R> {
    inner: R,
    left: usize,
}

impl<R> Bounded<R> {
    /// The CSV reader reads ahead of the record, by as much as its buffer holds.
    const READ_AHEAD: usize = 8 * 1024;

    fn allow_a_record(&mut self) {
        self.left = LONGEST + Self::READ_AHEAD;
    }
}

impl<R: BufRead> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 {
            return Err(io::Error::other(TOO_LONG));
        }
        let most = buffer.len().min(self.left);
        let read = self.inner.read(&mut buffer[..most])?;
        self.left -= read;
        Ok(read)
    }
}

/// The next line that holds anything.
fn next_json(reader: &mut impl BufRead, line: &mut u64) -> Option<Numbered> {
    loop {
        let text = next_line(reader)?;
        *line += 1;
        let text = match text {
            Ok(text) => text,
            Err(fault) => return Some((*line, Err(fault))),
        };
        if !text.trim().is_empty() {
            let text = text.trim_start_matches('\u{feff}');
            let written = serde_json::from_str(text).map_err(|error| error.to_string());
            return Some((*line, written));
        }
    }
}

fn next_line(reader: &mut impl BufRead) -> Option<Result<String, String>> {
    let mut bytes = Vec::new();
    let most = length(LONGEST) + 1;
    match reader.take(most).read_until(b'\n', &mut bytes) {
        Ok(0) => None,
        // What is cut off would be read as the next row.
        Ok(_) if bytes.len() > LONGEST && !bytes.ends_with(b"\n") => Some(Err(TOO_LONG.to_owned())),
        Ok(_) => Some(String::from_utf8(bytes).map_err(|_| String::from("it is not UTF-8"))),
        Err(error) => Some(Err(error.to_string())),
    }
}

fn length(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

/// A path that stays in the folder.
fn inside(output: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(output);
    let plain = path
        .components()
        .all(|part| matches!(part, Component::Normal(_)));
    if plain && path.file_name().is_some() {
        Ok(path)
    } else {
        Err(format!(
            "the output {output:?} leads out of the folder; write a name"
        ))
    }
}

fn csv_fault(error: &csv::Error) -> String {
    match error.kind() {
        csv::ErrorKind::Deserialize { err, .. } => match err.kind() {
            csv::DeserializeErrorKind::Message(message) => message.clone(),
            other => format!("{other}"),
        },
        csv::ErrorKind::UnequalLengths {
            expected_len, len, ..
        } => {
            format!("it has {len} fields, and the header {expected_len}")
        }
        csv::ErrorKind::Utf8 { .. } => String::from("it is not UTF-8"),
        csv::ErrorKind::Io(error) => error.to_string(),
        other => format!("{other:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<Result<Row, String>> {
        let rows = Rows::read(text.as_bytes()).unwrap();
        rows.map(|row| row.map_err(|bad| bad.to_string())).collect()
    }

    #[test]
    fn both_forms_say_the_same_and_have_the_same_names() {
        let csv = read("text,duration,output\n\"rain, slow\",10,a.wav\nmusic,5,\n");
        let json = read(
            "{\"text\":\"rain, slow\",\"duration\":10,\"output\":\"a.wav\"}\n\n{\"text\":\"music\",\"duration\":5}\n",
        );
        assert_eq!((csv.len(), json.len()), (2, 2));
        for (csv, json) in csv.iter().zip(&json) {
            let (csv, json) = (csv.as_ref().unwrap(), json.as_ref().unwrap());
            assert_eq!(
                (&csv.text, csv.duration, &csv.output, &csv.name),
                (&json.text, json.duration, &json.output, &json.name)
            );
        }
        assert_eq!(csv[0].as_ref().unwrap().line, 2);
        assert_eq!(json[1].as_ref().unwrap().line, 3);
    }

    #[test]
    fn a_row_keeps_its_name_when_others_come_and_go() {
        let names = |text: &str| -> Vec<String> {
            read(text)
                .into_iter()
                .map(|row| row.unwrap().name)
                .collect()
        };
        let before = names("text,duration\na,5\nb,5\na,5\n");
        let after = names("text,duration\nnew,5\na,5\na,5\nb,5\n");
        assert_eq!(before[0], after[1]);
        assert_eq!(before[2], after[2]);
        assert_eq!(before[1], after[3]);
        assert_ne!(before[0], before[2], "two alike are two");
    }

    #[test]
    fn a_bad_row_is_named_with_its_line_and_its_fault() {
        let long = "x".repeat(251);
        for (text, said) in [
            ("text,duration\nok,5\n,5\n", "line 3: the prompt is empty"),
            ("text,duration\nok,4\n", "line 2: 4 s is not a duration"),
            ("text,duration\nok,ten\n", "line 2: "),
            ("text,duration\nok\n", "line 2: it has 1 fields"),
            ("text,duration,output\nok,5,../x\n", "line 2: the output"),
            (
                "text,duration,output\nok,5,/etc/passwd\n",
                "line 2: the output",
            ),
            ("prompt,duration\nok,5\n", "line 2: "),
            (
                "{\"text\":\"ok\",\"duration\":5}\n{\"text\":\"ok\"}\n",
                "line 2: missing field `duration`",
            ),
            (
                "{\"text\":\"ok\",\"duration\":5,\"size\":1}\n",
                "line 1: unknown field `size`",
            ),
            ("{nonsense\n", "line 1: "),
            (
                &format!("text,duration\n{long},5\n"),
                "line 2: the prompt has 251",
            ),
        ] {
            let error = read(text).into_iter().find_map(Result::err).unwrap();
            assert!(error.starts_with(said), "{text:?}: {error}");
        }
    }

    /// Whatever holds the byte that is one too many, nothing is read after it.
    #[test]
    fn nothing_is_read_of_a_row_that_is_too_long_and_after_it() {
        let next = r#"{"text":"next","duration":5}"#;
        let padded = |text: &str, length: usize| {
            let row = format!("{{\"text\":\"{text}\",\"duration\":5}}");
            row.clone() + &" ".repeat(length - row.len())
        };
        for length in [LONGEST - 1, LONGEST, LONGEST + 1, LONGEST + 2, 3 * LONGEST] {
            let json = read(&format!("{}{next}\n{next}\n", padded("one", length)));
            let whole = read(&format!("{}\n{next}\n", padded("one", length)));
            assert_eq!(json.len(), 1, "{length}");
            json[0].as_ref().unwrap_err();
            assert_eq!(
                whole.len(),
                if length > LONGEST { 1 } else { 2 },
                "{length}"
            );
            assert_eq!(whole[0].is_ok(), length <= LONGEST, "{length}");

            let quoted = format!("\"{}\",5", " ".repeat(length - 4));
            let csv = read(&format!("text,duration\nok,5\n{quoted}\nnext,5\n"));
            // Its line end counts.
            let is_too_long = length >= LONGEST;
            assert_eq!(csv.len(), if is_too_long { 2 } else { 3 }, "{length}");
            let fault = csv[1].as_ref().unwrap_err();
            assert_eq!(fault.ends_with(TOO_LONG), is_too_long, "{length} {fault}");
        }
    }

    #[test]
    fn a_csv_record_takes_no_more_memory_than_it_may() {
        let endless = io::repeat(b'x').take(1 << 40);
        let text = b"text,duration\n\"".chain(endless);
        let rows: Vec<_> = Rows::read(io::BufReader::new(text)).unwrap().collect();
        assert_eq!(rows.len(), 1);
        let header = io::BufReader::new(io::repeat(b'x').take(1 << 40));
        assert_eq!(Rows::read(header).unwrap_err().fault, TOO_LONG);
    }
}

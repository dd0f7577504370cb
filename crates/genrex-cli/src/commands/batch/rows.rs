use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read, Seek as _};
use std::path::{Component, Path, PathBuf};

use genrex_async::{Prompt, Seconds};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use crate::failure::Failure;

/// A prompt of a batch.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    /// The line that it begins on, from 1.
    pub(crate) line: u64,
    pub(crate) text: Prompt,
    pub(crate) duration: Seconds,
    /// Where in the folder its audio goes, if that is said.
    pub(crate) output: Option<PathBuf>,
    /// What it is known by in the ledger: a hash of its text and duration, and which of its like it is. So a row
    /// keeps its name when others come and go around it, and when its output is named.
    pub(crate) name: String,
}

/// A batch as it was when it was given: kept in a file without a name, so that it can be read more than
/// once, and what is written to the file meanwhile does not matter.
#[derive(Debug)]
pub(crate) struct Source {
    path: PathBuf,
    spooled: File,
}

/// What reading the whole of a batch has shown.
#[derive(Debug)]
pub(crate) struct Checked {
    pub(crate) rows: u64,
    /// The longest piece and the line that it is on.
    longest: Option<(Seconds, u64)>,
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

impl Source {
    pub(crate) fn open(path: &Path) -> Result<Self, Failure> {
        let unreadable = |error: io::Error| {
            Failure::usage(format!("{} cannot be read", path.display())).because(&error)
        };
        let mut spooled = tempfile::tempfile().map_err(unreadable)?;
        if path == Path::new("-") {
            io::copy(&mut io::stdin().lock(), &mut spooled).map_err(unreadable)?;
        } else {
            io::copy(&mut File::open(path).map_err(unreadable)?, &mut spooled)
                .map_err(unreadable)?;
        }
        Ok(Self {
            path: path.to_owned(),
            spooled,
        })
    }

    /// Reads every row and refuses the batch if one is bad: each is named with its line, and nothing is
    /// paid for.
    pub(crate) fn check(&self) -> Result<Checked, Failure> {
        const SHOWN: usize = 20;
        let mut bad = Vec::new();
        let mut count = 0_usize;
        let mut longest = None;
        let mut rows = 0;
        let mut outputs = HashSet::new();
        for row in self.rows()? {
            rows += 1;
            match row {
                Ok(row) => {
                    longest = longest.max(Some((row.duration, row.line)));
                    if let Some(output) = row.output
                        && !outputs.insert(output.clone())
                    {
                        let message = format!(
                            "line {}: {} is the output of two rows",
                            row.line,
                            output.display()
                        );
                        count += 1;
                        bad.push(message);
                    }
                }
                Err(failure) => {
                    count += 1;
                    bad.push(failure.message);
                }
            }
            bad.truncate(SHOWN);
        }
        if count == 0 {
            return Ok(Checked { rows, longest });
        }
        let mut failure = Failure::usage(format!("{count} rows are bad; nothing was sent"));
        failure.causes = bad;
        Err(failure.hint("mend them and run the same command again"))
    }

    /// The rows, one at a time; CSV and JSON Lines are told apart by how the file begins.
    pub(crate) fn rows(&self) -> Result<Rows, Failure> {
        let unreadable = |error: io::Error| {
            Failure::usage(format!("{} cannot be read", self.path.display())).because(&error)
        };
        let mut file = self.spooled.try_clone().map_err(unreadable)?;
        file.rewind().map_err(unreadable)?;
        let mut reader = BufReader::new(file);
        let start = reader.fill_buf().map_err(unreadable)?;
        let start = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(start);
        let is_json = start.trim_ascii_start().starts_with(b"{");
        let format = if is_json {
            Format::Json(reader, 0)
        } else {
            let mut reader = csv::ReaderBuilder::new()
                .trim(csv::Trim::Headers)
                .from_reader(reader);
            let header = reader
                .headers()
                .cloned()
                .map_err(|error| Failure::usage(csv_message(&error)))?;
            Format::Csv(Box::new((header, reader.into_records())))
        };
        Ok(Rows {
            format,
            alike: HashMap::new(),
        })
    }
}

impl Checked {
    /// Refuses what the account does not allow, before anything is sent.
    pub(crate) fn refuse_longer_than(&self, most: Option<u64>) -> Result<(), Failure> {
        match (self.longest, most) {
            (Some((longest, line)), Some(most)) if u64::from(longest.get()) > most => {
                let message = format!(
                    "line {line}: the account allows {most} s at most, and not {longest}; nothing was sent"
                );
                Err(Failure::usage(message).hint("shorten it and run the same command again"))
            }
            _ => Ok(()),
        }
    }
}

/// The rows of a file, in order.
pub(crate) struct Rows {
    format: Format,
    /// How many rows like each there were so far, by the first half of their hash.
    alike: HashMap<[u8; 16], u32>,
}

enum Format {
    Csv(
        Box<(
            csv::StringRecord,
            csv::StringRecordsIntoIter<BufReader<File>>,
        )>,
    ),
    Json(BufReader<File>, u64),
}

impl Iterator for Rows {
    type Item = Result<Row, Failure>;

    fn next(&mut self) -> Option<Self::Item> {
        let (line, written) = match &mut self.format {
            Format::Csv(both) => {
                let (header, records) = &mut **both;
                let before = records.reader().position().line();
                let read = records.next()?;
                let own = read
                    .as_ref()
                    .ok()
                    .and_then(csv::StringRecord::position)
                    .map(csv::Position::line);
                let written = read.and_then(|record| record.deserialize(Some(header)));
                (
                    own.unwrap_or(before),
                    written.map_err(|error| csv_message(&error)),
                )
            }
            Format::Json(reader, line) => loop {
                let text = match next_line(reader)? {
                    Ok(text) => text,
                    Err(message) => break (*line + 1, Err(message)),
                };
                *line += 1;
                if !text.trim().is_empty() {
                    let text = text.trim_start_matches('\u{feff}');
                    break (
                        *line,
                        serde_json::from_str(text).map_err(|error| error.to_string()),
                    );
                }
            },
        };
        let row = written.and_then(|written| self.row(line, written));
        Some(row.map_err(|message| Failure::usage(format!("line {line}: {message}"))))
    }
}

impl Rows {
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

/// The next line, with a bound: a row has 250 characters, and their escapes.
fn next_line(reader: &mut BufReader<File>) -> Option<Result<String, String>> {
    const LONGEST: u64 = 64 * 1024;
    let mut bytes = Vec::new();
    match reader.by_ref().take(LONGEST).read_until(b'\n', &mut bytes) {
        Ok(0) => None,
        Ok(_) => Some(String::from_utf8(bytes).map_err(|_| String::from("it is not UTF-8"))),
        Err(error) => Some(Err(error.to_string())),
    }
}

fn csv_message(error: &csv::Error) -> String {
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
        other => format!("{other:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<Result<Row, String>> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("batch");
        std::fs::write(&path, text).unwrap();
        let rows = Source::open(&path).unwrap().rows().unwrap();
        rows.map(|row| row.map_err(|failure| failure.message))
            .collect()
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
}

//! A row as it is written, in whatever form: its columns, the names of which have no case.

use std::fmt;

use genrex_async::Seconds;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;

use super::Fault;

/// The columns of a row.
#[derive(Debug, Default)]
pub(super) struct Written {
    pub(super) text: Option<Column>,
    pub(super) duration: Option<Column>,
    pub(super) output: Option<Column>,
    /// What a batch does not know, as it is written.
    pub(super) others: Vec<(String, Value)>,
}

/// A column by the name that the file gives it.
#[derive(Debug)]
pub(super) struct Column {
    name: String,
    value: Value,
}

impl Written {
    pub(super) fn put(&mut self, name: &str, value: Value) -> Result<(), Fault> {
        let place = match name.trim().to_ascii_lowercase().as_str() {
            "text" => &mut self.text,
            "duration" => &mut self.duration,
            "output" => &mut self.output,
            _ => {
                self.others.push((name.to_owned(), value));
                return Ok(());
            }
        };
        if place.is_some() {
            let twice = Fault::of(String::from("it is there twice; leave one of them out"));
            return Err(twice.in_column(name));
        }
        let name = name.to_owned();
        *place = Some(Column { name, value });
        Ok(())
    }

    /// Reads an object of JSON.
    pub(super) fn of_json(json: &[u8]) -> Result<Self, Fault> {
        let Object(columns) = serde_json::from_slice(json).map_err(|error| {
            let at = match error.line() {
                0 | 1 => format!("at character {}", error.column()),
                line => format!("in its line {line} at character {}", error.column()),
            };
            Fault::of(format!("it is no JSON object, {at}; {WRITE}"))
        })?;
        let mut written = Self::default();
        for (name, value) in columns {
            written.put(&name, value)?;
        }
        Ok(written)
    }
}

pub(super) const WRITE: &str = r#"write it as {"text": "a prompt", "duration": 10}"#;

impl Column {
    pub(super) fn or_empty(written: Option<Self>, name: &str) -> Self {
        written.unwrap_or_else(|| Self {
            name: name.to_owned(),
            value: Value::Null,
        })
    }

    pub(super) fn fault(&self, message: String) -> Fault {
        Fault::of(message).in_column(&self.name)
    }

    /// The text of it; none if nothing is written there.
    pub(super) fn text(&self) -> Result<Option<String>, Fault> {
        match &self.value {
            Value::Null => Ok(None),
            Value::String(text) => Ok(Some(text.clone()).filter(|text| !text.is_empty())),
            other => {
                let shown = shortened(&other.to_string());
                Err(self.fault(format!("{shown} is not text; put it into quotes")))
            }
        }
    }

    /// The seconds of it; none if nothing is written there.
    pub(super) fn seconds(&self) -> Result<Option<Seconds>, Fault> {
        let written = match &self.value {
            Value::Null => return Ok(None),
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let written = written.trim();
        if written.is_empty() {
            return Ok(None);
        }
        let whole = match written.split_once(['.', ',']) {
            // A cell that shows decimals.
            Some((whole, decimals)) if decimals.bytes().all(|byte| byte == b'0') => whole,
            _ => written,
        };
        let seconds = whole.parse().ok().and_then(|it| Seconds::new(it).ok());
        seconds.map(Some).ok_or_else(|| {
            let (least, most) = (Seconds::MIN.get(), Seconds::MAX.get());
            let shown = shortened(written);
            self.fault(format!(
                "{shown} is not a duration; write whole seconds, {least} to {most}"
            ))
        })
    }
}

/// As much of a value as fits into a message.
pub(super) fn shortened(text: &str) -> String {
    const LONGEST: usize = 60;
    match text.char_indices().nth(LONGEST) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// An object of JSON with all of its keys, also those that it has twice.
struct Object(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Columns;

        impl<'de> Visitor<'de> for Columns {
            type Value = Object;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object, A::Error> {
                let mut columns = Vec::new();
                while let Some(column) = map.next_entry()? {
                    columns.push(column);
                }
                Ok(Object(columns))
            }
        }

        deserializer.deserialize_map(Columns)
    }
}

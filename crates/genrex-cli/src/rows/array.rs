//! A JSON array of rows, an object at a time.

use std::io::Read;

use super::text::Text;
use super::written::{WRITE, Written};
use super::{Fault, LONGEST, Numbered};

/// An array whose first bracket is still to be read.
#[derive(Debug)]
pub(super) struct Array<R> {
    text: Text<R>,
    expected: Expected,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expected {
    Start,
    /// A row, or the end of an empty array.
    First,
    Row,
    Comma,
    Nothing,
}

/// Whether a text begins with an array: what follows the bracket is none of a plain line.
pub(super) fn begins(start: &[u8]) -> bool {
    let inner = start.trim_ascii_start().strip_prefix(b"[");
    let inner = inner.map(<[u8]>::trim_ascii_start);
    inner.is_some_and(|inner| matches!(inner.first(), None | Some(b'{' | b'[' | b']' | b'"')))
}

impl<R: Read> Array<R> {
    pub(super) const fn new(text: Text<R>) -> Self {
        let expected = Expected::Start;
        Self { text, expected }
    }

    pub(super) fn next(&mut self) -> Option<Numbered> {
        let (line, row) = match self.object() {
            Ok(Some((line, json))) => (line, Written::of_json(&json)),
            Ok(None) => return None,
            // Where the next row begins nobody knows.
            Err(fault) => {
                let is_last = true;
                (self.text.line(), Err(Fault { is_last, ..fault }))
            }
        };
        Some((line, row))
    }

    fn object(&mut self) -> Result<Option<(u64, Vec<u8>)>, Fault> {
        loop {
            let byte = self.text.peek()?;
            let line = self.text.line();
            self.expected = match (self.expected, byte) {
                (_, Some(b' ' | b'\t' | b'\n' | b'\r')) => self.expected,
                (Expected::Start, Some(b'[')) => Expected::First,
                (Expected::First | Expected::Row, Some(b'{')) => {
                    let json = self.rest_of_object()?;
                    self.expected = Expected::Comma;
                    return Ok(Some((line, json)));
                }
                (Expected::Comma, Some(b',')) => Expected::Row,
                (Expected::First | Expected::Comma, Some(b']')) => Expected::Nothing,
                (Expected::Nothing, None) => return Ok(None),
                (expected, _) => return Err(expected.missing()),
            };
            self.text.next()?;
        }
    }

    /// An object, to the brace that closes it.
    fn rest_of_object(&mut self) -> Result<Vec<u8>, Fault> {
        let mut json = Vec::new();
        let (mut depth, mut is_quoted, mut is_escaped) = (0_u32, false, false);
        while let Some(byte) = self.text.next()? {
            if json.len() == LONGEST {
                return Err(Fault::too_long());
            }
            json.push(byte);
            match byte {
                _ if is_escaped => is_escaped = false,
                b'\\' if is_quoted => is_escaped = true,
                b'"' => is_quoted = !is_quoted,
                b'{' | b'[' if !is_quoted => depth = depth.saturating_add(1),
                b'}' | b']' if !is_quoted => depth = depth.saturating_sub(1),
                _ => {}
            }
            if depth == 0 {
                return Ok(json);
            }
        }
        Err(Fault::of(format!("the file ends within a row; {WRITE}")))
    }
}

impl Expected {
    fn missing(self) -> Fault {
        Fault::of(match self {
            Self::Start | Self::First | Self::Row => format!("here a row should begin; {WRITE}"),
            Self::Comma => String::from("write a comma between rows, and ] after the last"),
            Self::Nothing => String::from("something stands after the array; take it out"),
        })
    }
}

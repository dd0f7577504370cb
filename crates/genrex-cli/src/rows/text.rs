//! The text of a file: UTF-8 or UTF-16, a byte of UTF-8 at a time, and the line that it is on.

use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader, Chain, Cursor, Read};

use super::{Fault, LONGEST};

/// What a UTF-16 file holds that stands for no character: no text has it, so that it is found where it is.
const NO_TEXT: u8 = 0xFF;

/// A file's text.
#[derive(Debug)]
pub(super) struct Text<R> {
    inner: Source<R>,
    /// Of the byte that comes next, from 1.
    line: u64,
    is_after_return: bool,
}

type Source<R> = BufReader<Chain<Cursor<Vec<u8>>, Decoded<R>>>;

impl<R: Read> Text<R> {
    /// Also gives the start of the text, which tells its form: as much as a row may have, and more.
    pub(super) fn of(reader: R) -> io::Result<(Self, Vec<u8>)> {
        let mut decoded = Decoded::of(reader)?;
        let mut start = Vec::new();
        let most = u64::try_from(LONGEST).unwrap_or(u64::MAX) + 2;
        decoded.by_ref().take(most).read_to_end(&mut start)?;
        let text = Self {
            inner: BufReader::new(Cursor::new(start.clone()).chain(decoded)),
            line: 1,
            is_after_return: false,
        };
        Ok((text, start))
    }

    pub(super) const fn line(&self) -> u64 {
        self.line
    }

    pub(super) fn peek(&mut self) -> io::Result<Option<u8>> {
        Ok(self.inner.fill_buf()?.first().copied())
    }

    pub(super) fn next(&mut self) -> io::Result<Option<u8>> {
        let Some(byte) = self.peek()? else {
            return Ok(None);
        };
        self.inner.consume(1);
        let ends = byte == b'\r' || (byte == b'\n' && !self.is_after_return);
        self.line += u64::from(ends);
        self.is_after_return = byte == b'\r';
        Ok(Some(byte))
    }

    /// Takes the rest of a line end whose first byte was this.
    pub(super) fn end_line(&mut self, byte: u8) -> io::Result<()> {
        if byte == b'\r' && self.peek()? == Some(b'\n') {
            self.next()?;
        }
        Ok(())
    }

    /// The next line that holds anything, without its end, and its number.
    pub(super) fn next_line(&mut self) -> Option<(u64, Result<String, Fault>)> {
        loop {
            let line = self.line;
            let bytes = match self.line_bytes() {
                Ok(bytes) => bytes?,
                Err(fault) => return Some((line, Err(fault))),
            };
            if !bytes.trim_ascii().is_empty() {
                return Some((line, String::from_utf8(bytes).map_err(|_| Fault::no_text())));
            }
        }
    }

    fn line_bytes(&mut self) -> Result<Option<Vec<u8>>, Fault> {
        let mut bytes = Vec::new();
        loop {
            match self.next()? {
                None if bytes.is_empty() => return Ok(None),
                None => return Ok(Some(bytes)),
                Some(byte @ (b'\n' | b'\r')) => {
                    self.end_line(byte)?;
                    return Ok(Some(bytes));
                }
                Some(_) if bytes.len() == LONGEST => return Err(Fault::too_long()),
                Some(byte) => bytes.push(byte),
            }
        }
    }
}

/// UTF-8 from whatever a file is written in; its byte order mark is left out.
#[derive(Debug)]
struct Decoded<R> {
    inner: Chain<Cursor<Vec<u8>>, R>,
    utf16: Option<Utf16>,
}

#[derive(Debug)]
struct Utf16 {
    is_big_endian: bool,
    /// The first byte of a unit whose second is still to be read.
    odd: Option<u8>,
    /// The first unit of a pair.
    high: Option<u16>,
    decoded: VecDeque<u8>,
}

impl<R: Read> Decoded<R> {
    fn of(mut reader: R) -> io::Result<Self> {
        let mut start = Vec::new();
        reader.by_ref().take(3).read_to_end(&mut start)?;
        // Without a mark, every other byte of what a table begins with is zero.
        let (mark, is_big_endian) = match start.as_slice() {
            [0xEF, 0xBB, 0xBF] => (3, None),
            [0xFF, 0xFE, ..] => (2, Some(false)),
            [0xFE, 0xFF, ..] => (2, Some(true)),
            [1..=0xFF, 0, ..] => (0, Some(false)),
            [0, 1..=0xFF, ..] => (0, Some(true)),
            _ => (0, None),
        };
        start.drain(..mark);
        Ok(Self {
            inner: Cursor::new(start).chain(reader),
            utf16: is_big_endian.map(|is_big_endian| Utf16 {
                is_big_endian,
                odd: None,
                high: None,
                decoded: VecDeque::new(),
            }),
        })
    }
}

impl<R: Read> Read for Decoded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(utf16) = &mut self.utf16 else {
            return self.inner.read(buffer);
        };
        let mut raw = [0; 4096];
        while utf16.decoded.is_empty() {
            match self.inner.read(&mut raw)? {
                0 if utf16.is_at_end() => return Ok(0),
                0 => utf16.end(),
                length => utf16.decode(raw.get(..length).unwrap_or_default()),
            }
        }
        utf16.decoded.read(buffer)
    }
}

impl Utf16 {
    fn decode(&mut self, bytes: &[u8]) {
        for byte in bytes {
            let Some(first) = self.odd.take() else {
                self.odd = Some(*byte);
                continue;
            };
            let unit = match self.is_big_endian {
                true => u16::from_be_bytes([first, *byte]),
                false => u16::from_le_bytes([first, *byte]),
            };
            self.unit(unit);
        }
    }

    fn unit(&mut self, unit: u16) {
        if self.high.is_none() && (0xD800..0xDC00).contains(&unit) {
            self.high = Some(unit);
            return;
        }
        for character in char::decode_utf16(self.high.take().into_iter().chain([unit])) {
            match character {
                Ok(character) => {
                    let mut utf8 = [0; 4];
                    self.decoded
                        .extend(character.encode_utf8(&mut utf8).bytes());
                }
                Err(_) => self.decoded.push_back(NO_TEXT),
            }
        }
    }

    const fn is_at_end(&self) -> bool {
        self.odd.is_none() && self.high.is_none()
    }

    /// What is left over is half a character.
    fn end(&mut self) {
        (self.odd, self.high) = (None, None);
        self.decoded.push_back(NO_TEXT);
    }
}

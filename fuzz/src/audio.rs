use std::time::Duration;

use genrex_core::testing::parsers::{self, Audio};

/// A file that may be audio: what is said of it does not depend on the pieces in which it came, and is what a reader
/// that has all of it at once says.
pub fn wav(data: &[u8]) {
    let Some((size, file)) = data.split_first() else {
        return;
    };
    let whole = parsers::wav([file]);
    assert_eq!(parsers::wav(file.chunks(usize::from(*size).max(1))), whole);
    assert_eq!(parsers::wav([&[][..], file, &[]]), whole);
    let read = Read::of(file);
    assert_eq!(whole.is_whole, [read.is_whole(true), read.is_whole(false)]);
    assert_eq!(whole.duration, read.duration(), "{read:?}");
    let Audio {
        is_plausible,
        is_whole: [delimited, alone],
        ..
    } = whole;
    assert!(!alone || delimited, "a length that HTTP gives only helps");
    assert!(!delimited || is_plausible);
    assert!(is_plausible || !file.is_empty(), "nothing is not yet wrong");
}

/// The same by walking over a file that is here.
#[derive(Debug, Default)]
struct Read {
    length: u64,
    promised: u32,
    bytes_per_second: Option<u32>,
    /// Where the samples begin, and how many bytes they are said to be.
    samples: Option<(u64, u32)>,
}

impl Read {
    fn of(file: &[u8]) -> Self {
        let mut read = Self {
            length: u64::try_from(file.len()).expect("it fits"),
            ..Self::default()
        };
        if file.get(..4) != Some(b"RIFF") || file.get(8..12) != Some(b"WAVE") {
            return read;
        }
        read.promised = number(file, 4).unwrap_or_default();
        let mut at = 12;
        while let (Some(name), Some(size)) = (file.get(at..at + 4), number(file, at + 4)) {
            at += 8;
            match (name, read.bytes_per_second) {
                (b"fmt ", None) => {
                    if !(16..=65_536).contains(&size) || file.len() < at + 16 {
                        return read;
                    }
                    read.bytes_per_second = number(file, at + 8);
                }
                (b"data", None) => return read,
                (b"data", Some(_)) => {
                    read.samples = Some((u64::try_from(at).expect("it fits"), size));
                    return read;
                }
                _ => {}
            }
            // Past the end there is nothing, however far past it.
            let size = usize::try_from(size).unwrap_or(usize::MAX);
            at = at.saturating_add(size).saturating_add(size % 2);
            if at > file.len() {
                break;
            }
        }
        read
    }

    fn is_whole(&self, is_delimited: bool) -> bool {
        let is_known = |size: u32| size != 0 && size != u32::MAX;
        let Some((start, size)) = self.samples else {
            return false;
        };
        let is_here =
            |start: u64, size: u32| !is_known(size) || start + u64::from(size) <= self.length;
        (is_delimited || is_known(self.promised) || is_known(size))
            && is_here(8, self.promised)
            && is_here(start, size)
    }

    fn duration(&self) -> Option<Duration> {
        let (start, size) = self.samples?;
        let rate = u64::from(self.bytes_per_second.filter(|rate| *rate > 0)?);
        let here = self.length - start;
        let bytes = match size {
            0 | u32::MAX => here,
            size => here.min(u64::from(size)),
        };
        Some(Duration::from_millis(bytes * 1000 / rate))
    }
}

fn number(file: &[u8], at: usize) -> Option<u32> {
    let four = file.get(at..at + 4)?;
    Some(u32::from_le_bytes(four.try_into().ok()?))
}

use std::ops::RangeInclusive;
use std::time::Duration;

/// What a file says of itself as it passes: whether it is RIFF/WAVE, how long it is to be, and how long it sounds.
///
/// Bytes are taken as they come, in pieces of any size, and nothing of the file is kept but the fields that are being
/// read. Places and sizes are `u64`, so that no size that a file claims (32 bits) wraps on any machine.
#[derive(Debug, Default)]
pub(crate) struct Wav {
    reading: Reading,
    /// The bytes so far of the field that is being read.
    field: Vec<u8>,
    /// How many bytes have passed.
    at: u64,
    /// The size that the file's own header gives, without its first 8 bytes; as it was written.
    promised: Option<u32>,
    format: Option<Format>,
    data: Option<Data>,
}

/// What the next byte belongs to.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Reading {
    /// `RIFF`, a size, `WAVE`.
    #[default]
    FileHeader,
    /// A chunk's name and its size.
    ChunkHeader,
    /// The part of a `fmt ` chunk that is looked at; so much of it and its padding follows.
    Format(u64),
    /// What is not looked at, up to this place.
    Skipping(u64),
    /// The samples, and whatever follows them.
    Samples,
    /// It is no WAVE file.
    Broken,
}

#[derive(Debug, Clone, Copy)]
struct Format {
    bytes_per_second: u32,
}

#[derive(Debug, Clone, Copy)]
struct Data {
    start: u64,
    /// Unless the size was not known when it was written.
    end: Option<u64>,
}

impl Wav {
    const FILE_HEADER: usize = 12;
    const CHUNK_HEADER: usize = 8;
    /// What every `fmt ` chunk begins with, whatever its format.
    const FORMAT: usize = 16;
    /// The sizes of a `fmt ` chunk that are believed; a real one has 16, 18 or 40 bytes.
    const FORMAT_SIZES: RangeInclusive<u64> = 16..=(64 << 10);

    pub(crate) fn feed(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            bytes = match self.reading {
                Reading::FileHeader => self.read(bytes, Self::FILE_HEADER, Self::file_header),
                Reading::ChunkHeader => self.read(bytes, Self::CHUNK_HEADER, Self::chunk_header),
                Reading::Format(rest) => self.read(bytes, Self::FORMAT, |wav, field| {
                    wav.format = Some(Format {
                        bytes_per_second: u32_at(field, 8),
                    });
                    wav.reading = Reading::Skipping(wav.at.saturating_add(rest));
                }),
                Reading::Skipping(until) => self.skip(bytes, until),
                Reading::Samples | Reading::Broken => {
                    self.pass(length(bytes));
                    &[]
                }
            };
        }
    }

    /// Whether this can still be a WAVE file, as far as it has come.
    pub(crate) fn is_plausible(&self) -> bool {
        self.reading != Reading::Broken
    }

    /// Whether the bytes that have passed are all that the file promises: a format, samples, and no fewer than its
    /// sizes say. A file cut short is not audio.
    ///
    /// A stream whose length was not known when its header was written promises 0 or all ones. Where HTTP does not
    /// say either how long the file is (`is_delimited`), nothing shows a cut, and such a file is refused.
    pub(crate) fn is_whole(&self, is_delimited: bool) -> bool {
        let (Some(promised), Some(_), Some(data)) = (self.promised, self.format, self.data) else {
            return false;
        };
        let end = known(promised).map(|size| size.saturating_add(8));
        (is_delimited || end.is_some() || data.end.is_some())
            && end.is_none_or(|end| end <= self.at)
            && data.end.is_none_or(|end| end <= self.at)
    }

    /// How long it sounds, where it says so.
    pub(crate) fn duration(&self) -> Option<Duration> {
        let (data, format) = (self.data?, self.format?);
        let bytes = data
            .end
            .unwrap_or(self.at)
            .min(self.at)
            .checked_sub(data.start)?;
        let rate = u64::from(format.bytes_per_second);
        Some(Duration::from_millis(
            bytes.saturating_mul(1000).checked_div(rate)?,
        ))
    }

    /// Takes a field's bytes, and has it read when they are all there; what is left of `bytes`.
    fn read<'a>(
        &mut self,
        bytes: &'a [u8],
        size: usize,
        read: impl FnOnce(&mut Self, &[u8]),
    ) -> &'a [u8] {
        let missing = size.saturating_sub(self.field.len()).min(bytes.len());
        let (taken, rest) = bytes.split_at(missing);
        self.field.extend_from_slice(taken);
        self.pass(length(taken));
        if self.field.len() >= size {
            let field = std::mem::take(&mut self.field);
            read(self, &field);
        } else if self.reading == Reading::FileHeader && !may_begin(&self.field) {
            self.reading = Reading::Broken;
        }
        rest
    }

    fn file_header(&mut self, field: &[u8]) {
        self.promised = Some(u32_at(field, 4));
        self.reading = match may_begin(field) {
            true => Reading::ChunkHeader,
            false => Reading::Broken,
        };
    }

    fn chunk_header(&mut self, field: &[u8]) {
        let size = u32_at(field, 4);
        // Chunks begin at even places.
        let padded = u64::from(size).next_multiple_of(2);
        self.reading = match (&field[..4], self.format) {
            (b"fmt ", None) if Self::FORMAT_SIZES.contains(&u64::from(size)) => {
                Reading::Format(padded.saturating_sub(*Self::FORMAT_SIZES.start()))
            }
            // A format of another size, and samples before their format, are no WAVE file's.
            (b"fmt " | b"data", None) => Reading::Broken,
            (b"data", Some(_)) => {
                self.data = Some(Data {
                    start: self.at,
                    end: known(size).map(|size| self.at.saturating_add(size)),
                });
                Reading::Samples
            }
            _ => Reading::Skipping(self.at.saturating_add(padded)),
        };
    }

    fn skip<'a>(&mut self, bytes: &'a [u8], until: u64) -> &'a [u8] {
        let missing = until.saturating_sub(self.at);
        let skipped = usize::try_from(missing).map_or(bytes.len(), |size| size.min(bytes.len()));
        let (skipped, rest) = bytes.split_at(skipped);
        self.pass(length(skipped));
        if self.at >= until {
            self.reading = Reading::ChunkHeader;
        }
        rest
    }

    fn pass(&mut self, bytes: u64) {
        self.at = self.at.saturating_add(bytes);
    }
}

/// Whether a file may begin so, as far as these bytes go.
fn may_begin(bytes: &[u8]) -> bool {
    fn agree(bytes: &[u8], with: &[u8]) -> bool {
        bytes.iter().zip(with).all(|(byte, other)| byte == other)
    }
    agree(bytes, b"RIFF") && agree(bytes.get(8..).unwrap_or_default(), b"WAVE")
}

/// A size, unless it is one of those that say that it is not known.
fn known(size: u32) -> Option<u64> {
    (size != 0 && size != u32::MAX).then(|| u64::from(size))
}

fn u32_at(field: &[u8], at: usize) -> u32 {
    let four = field.get(at..).and_then(|field| field.first_chunk());
    four.map_or(0, |four| u32::from_le_bytes(*four))
}

fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;

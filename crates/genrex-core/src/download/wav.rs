use std::time::Duration;

/// What the first bytes of a file say of it: whether it is RIFF/WAVE, how long it is to be, and how
/// long it sounds.
///
/// Bytes are taken as they come; only the start of the file is kept.
#[derive(Debug, Default)]
pub(crate) struct WavHeader {
    start: Vec<u8>,
}

impl WavHeader {
    /// The `data` chunk of a file that is not strange begins within so many bytes.
    const KEPT: usize = 4096;

    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        let room = Self::KEPT - self.start.len();
        self.start
            .extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    /// Whether this can still be a WAVE file, as far as it has come.
    pub(crate) fn is_plausible(&self) -> bool {
        fn begins(bytes: Option<&[u8]>, with: &[u8]) -> bool {
            bytes.is_none_or(|bytes| {
                bytes
                    .iter()
                    .zip(with)
                    .all(|(byte, expected)| byte == expected)
            })
        }
        begins(Some(&self.start), b"RIFF") && begins(self.start.get(8..), b"WAVE")
    }

    /// Whether `length` bytes are all that the header promises: a file cut short is not audio.
    ///
    /// A stream whose length was not known when its header was written promises 0 or all ones. Where
    /// HTTP does not say either how long the file is (`is_delimited`), nothing shows a cut, and such a
    /// file is refused.
    pub(crate) fn is_whole(&self, length: u64, is_delimited: bool) -> bool {
        let Some(promised) = u32_at(&self.start, 4).filter(|_| self.start.len() >= 12) else {
            return false;
        };
        let data_end = self.chunks().and_then(|chunks| chunks.data_end);
        let is_known = known(promised).is_some() || data_end.is_some();
        self.is_plausible()
            && (is_delimited || is_known)
            && known(promised).is_none_or(|promised| promised + 8 <= length)
            && data_end.is_none_or(|end| end <= length)
    }

    /// How long it sounds, where the header says so.
    pub(crate) fn duration(&self, length: u64) -> Option<Duration> {
        let chunks = self.chunks()?;
        let end = chunks.data_end.unwrap_or(length).min(length);
        let bytes = end.checked_sub(chunks.data_start)?;
        Some(Duration::from_millis(
            bytes * 1000 / chunks.bytes_per_second?,
        ))
    }

    /// Walks the chunks up to the samples.
    fn chunks(&self) -> Option<Chunks> {
        let mut bytes_per_second = None;
        let mut at = 12;
        loop {
            let name = self.start.get(at..at + 4)?;
            let size = u32_at(&self.start, at + 4)?;
            match name {
                b"fmt " => {
                    let rate = u32_at(&self.start, at + 16).map(u64::from);
                    bytes_per_second = rate.filter(|rate| *rate > 0);
                }
                b"data" => {
                    let data_start = u64::try_from(at).ok()? + 8;
                    return Some(Chunks {
                        bytes_per_second,
                        data_start,
                        data_end: known(size).map(|size| data_start + size),
                    });
                }
                _ => {}
            }
            // Chunks begin at even places.
            at += 8 + usize::try_from(size).ok()?.checked_next_multiple_of(2)?;
        }
    }
}

struct Chunks {
    bytes_per_second: Option<u64>,
    data_start: u64,
    data_end: Option<u64>,
}

/// A size, unless it is one of those that say that it is not known.
fn known(size: u32) -> Option<u64> {
    (size != 0 && size != u32::MAX).then(|| u64::from(size))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let four = bytes.get(at..at.checked_add(4)?)?;
    Some(u32::from_le_bytes(four.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(riff_size: u32) -> Vec<u8> {
        let mut bytes = b"RIFF".to_vec();
        bytes.extend(riff_size.to_le_bytes());
        bytes.extend(b"WAVEfmt \x10\0\0\0\x01\0\x01\0\0\x7d\0\0\0\xfa\0\0\x02\0\x10\0LIST\x03\0\0\0abc\0data");
        bytes.extend(64_000_u32.to_le_bytes());
        bytes
    }

    #[test]
    fn a_whole_file_is_told_from_a_cut_one_and_from_a_page() {
        let mut wav = WavHeader::default();
        for byte in header(64_048) {
            assert!(wav.is_plausible());
            wav.feed(&[byte]);
        }
        assert!(
            wav.is_whole(64_056, false)
                && wav.is_whole(64_057, true)
                && !wav.is_whole(64_055, true)
        );
        assert_eq!(wav.duration(64_056), Some(Duration::from_secs(1)));
        let mut streamed = WavHeader::default();
        let unknown = [&header(u32::MAX)[..52], &[0xff; 4]].concat();
        streamed.feed(&unknown);
        assert!(streamed.is_whole(100, true));
        assert!(!streamed.is_whole(100, false), "nothing says where it ends");
        let mut lying = WavHeader::default();
        lying.feed(&header(36));
        assert!(!lying.is_whole(100, true), "the samples are not all there");

        for page in ["<html>", "RIFF1234AVI LIST", "RIFX"] {
            let mut wav = WavHeader::default();
            wav.feed(page.as_bytes());
            assert!(!wav.is_plausible() && !wav.is_whole(1_000, true), "{page}");
        }
        let mut cut = WavHeader::default();
        cut.feed(b"RIFF\0\0\0\0");
        assert!(cut.is_plausible() && !cut.is_whole(8, true));
        assert_eq!(cut.duration(8), None);
    }

    #[test]
    fn a_strange_chunk_size_does_not_run_away() {
        let mut bytes = header(0);
        bytes[16..20].copy_from_slice(&u32::MAX.to_le_bytes());
        let mut wav = WavHeader::default();
        wav.feed(&bytes);
        assert_eq!(wav.duration(100), None);
    }
}

use proptest::prelude::*;

use super::*;

/// A file of these chunks, each padded to an even length; its header promises what there is.
fn riff(chunks: &[(&[u8; 4], u32, Vec<u8>)]) -> Vec<u8> {
    let mut body = b"WAVE".to_vec();
    for (name, size, bytes) in chunks {
        body.extend_from_slice(*name);
        body.extend(size.to_le_bytes());
        body.extend(bytes);
        if bytes.len() % 2 == 1 {
            body.push(0);
        }
    }
    let mut file = b"RIFF".to_vec();
    file.extend(u32::try_from(body.len()).unwrap().to_le_bytes());
    file.extend(body);
    file
}

/// A chunk whose size is the true one.
fn chunk(name: &'static [u8; 4], bytes: Vec<u8>) -> (&'static [u8; 4], u32, Vec<u8>) {
    (name, u32::try_from(bytes.len()).unwrap(), bytes)
}

/// Mono, 16 bits, 32 kHz, and `more` bytes of an extension.
fn format(more: usize) -> (&'static [u8; 4], u32, Vec<u8>) {
    let mut bytes = b"\x01\0\x01\0\0\x7d\0\0\0\xfa\0\0\x02\0\x10\0".to_vec();
    bytes.resize(bytes.len() + more, 0);
    chunk(b"fmt ", bytes)
}

fn second() -> (&'static [u8; 4], u32, Vec<u8>) {
    chunk(b"data", vec![0; 64_000])
}

fn fed(bytes: &[u8]) -> Wav {
    let mut wav = Wav::default();
    wav.feed(bytes);
    wav
}

fn with_size(mut file: Vec<u8>, at: usize, size: u32) -> Vec<u8> {
    file[at..at + 4].copy_from_slice(&size.to_le_bytes());
    file
}

#[test]
fn a_whole_file_sounds_as_long_as_it_says() {
    let odd = || chunk(b"LIST", b"abc".to_vec());
    for (name, file) in [
        ("plain", riff(&[format(0), second()])),
        ("with an extension", riff(&[format(24), second()])),
        (
            "with the largest format",
            riff(&[format((64 << 10) - 16), second()]),
        ),
        ("with an odd chunk", riff(&[format(0), odd(), second()])),
        (
            "with a chunk before the format",
            riff(&[odd(), format(0), second()]),
        ),
        (
            "with a chunk after the samples",
            riff(&[format(0), second(), odd()]),
        ),
        (
            "with a picture of 40 kB before the samples",
            riff(&[format(0), chunk(b"id3 ", vec![7; 40_001]), second()]),
        ),
        (
            "with a second format",
            riff(&[format(0), format(2), second()]),
        ),
    ] {
        let wav = fed(&file);
        assert!(wav.is_plausible() && wav.is_whole(false), "{name}");
        assert_eq!(wav.duration(), Some(Duration::from_secs(1)), "{name}");
        for end in [0, 11, 12, 20, 43, file.len() - 3] {
            assert!(!fed(&file[..end]).is_whole(true), "{name}, cut at {end}");
        }
    }
}

#[test]
fn what_is_no_wave_file_never_counts_as_whole() {
    let files = [
        ("a page", b"<html>".to_vec()),
        ("another RIFF", b"RIFF1234AVI LIST".to_vec()),
        ("a big-endian one", b"RIFX".to_vec()),
        ("no chunk", riff(&[])),
        ("a format alone", riff(&[format(0)])),
        ("samples alone", riff(&[second()])),
        ("samples before their format", riff(&[second(), format(0)])),
        (
            "a format that is too small",
            riff(&[chunk(b"fmt ", vec![0; 14]), second()]),
        ),
        (
            "a format that is too large",
            riff(&[format((64 << 10) - 14), second()]),
        ),
        (
            "a format of 4 GB",
            with_size(riff(&[format(0), second()]), 16, u32::MAX),
        ),
        (
            "a format whose end wraps 32 bits",
            with_size(riff(&[format(0), second()]), 16, 0xffff_fff8),
        ),
        (
            "a chunk of 4 GB before the samples",
            riff(&[format(0), (b"LIST", u32::MAX, vec![0; 4]), second()]),
        ),
        (
            "a chunk whose end wraps 32 bits",
            riff(&[format(0), (b"LIST", 0xffff_fff8, vec![0; 4]), second()]),
        ),
        ("nothing", Vec::new()),
    ];
    for (name, file) in files {
        // Delimited, with no promise of its own: what HTTP says and nothing else holds.
        let file = match file.len() {
            8.. => with_size(file, 4, 0),
            _ => file,
        };
        let wav = fed(&file);
        assert!(!wav.is_whole(true), "{name}");
        assert_eq!(wav.duration(), None, "{name}");
    }
    for page in ["<html>", "RIFF1234AVI LIST", "RIFX"] {
        assert!(!fed(page.as_bytes()).is_plausible(), "{page}");
    }
}

#[test]
fn sizes_that_were_not_known_leave_it_to_http() {
    let file = riff(&[format(0), second()]);
    for unknown in [0, u32::MAX] {
        let streamed = with_size(with_size(file.clone(), 4, unknown), 40, unknown);
        assert!(fed(&streamed).is_whole(true));
        assert!(
            !fed(&streamed).is_whole(false),
            "nothing says where it ends"
        );
        assert_eq!(fed(&streamed).duration(), Some(Duration::from_secs(1)));
    }
    let lying = with_size(file.clone(), 40, 64_001);
    assert!(!fed(&lying).is_whole(true), "the samples are not all there");
    let lying = with_size(file, 4, 64_037);
    assert!(!fed(&lying).is_whole(true), "the file is not all there");
}

/// A file of chunks in any order, some of them with a size that is not theirs, cut somewhere.
fn files() -> impl Strategy<Value = Vec<u8>> {
    let names = prop::sample::select(vec![b"fmt ", b"data", b"LIST", b"id3 "]);
    let sizes = prop::option::weighted(
        0.2,
        prop::sample::select(vec![0, 1, 15, 16, 18, 64 << 10, 0xffff_fff8, u32::MAX]),
    );
    let bytes = prop::collection::vec(any::<u8>(), 0..70);
    let chunk = (names, sizes, bytes).prop_map(|(name, size, bytes)| {
        let (name, true_size, bytes) = chunk(name, bytes);
        (name, size.unwrap_or(true_size), bytes)
    });
    let begun = prop_oneof![
        1 => Just(Vec::new()),
        3 => (0_usize..30).prop_map(|more| vec![format(more)]),
    ];
    (begun, prop::collection::vec(chunk, 0..6), 0_usize..60).prop_map(|(mut begun, rest, cut)| {
        begun.extend(rest);
        let mut file = riff(&begun);
        file.truncate(file.len().saturating_sub(cut.saturating_sub(20)));
        file
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn in_whatever_pieces_it_comes(
        file in files(),
        pieces in prop::collection::vec(1_usize..40, 0..40),
        is_delimited in any::<bool>(),
    ) {
        let whole = fed(&file);
        let mut by_bytes = Wav::default();
        for byte in &file {
            by_bytes.feed(&[*byte]);
        }
        let mut by_pieces = Wav::default();
        let mut rest = &file[..];
        for size in pieces {
            let (piece, after) = rest.split_at(size.min(rest.len()));
            by_pieces.feed(piece);
            rest = after;
        }
        by_pieces.feed(rest);
        for other in [by_bytes, by_pieces] {
            prop_assert_eq!(other.is_plausible(), whole.is_plausible());
            prop_assert_eq!(other.is_whole(is_delimited), whole.is_whole(is_delimited));
            prop_assert_eq!(other.duration(), whole.duration());
        }
    }

    /// Held against another reader: a file that it reads to the end is whole, and sounds as long.
    #[test]
    fn hound_agrees(
        channels in 1_u16..3,
        rate in prop::sample::select(vec![8_000_u32, 32_000, 44_100, 48_000]),
        samples in prop::collection::vec(any::<i16>(), 2..300),
        cut in 0_usize..700,
    ) {
        let spec = hound::WavSpec {
            channels,
            sample_rate: rate,
            bits_per_sample: 16,
            sample_format: hound::SampleFormat::Int,
        };
        let mut file = std::io::Cursor::new(Vec::new());
        let mut writer = hound::WavWriter::new(&mut file, spec).unwrap();
        let count = samples.len() / usize::from(channels) * usize::from(channels);
        for sample in &samples[..count] {
            writer.write_sample(*sample).unwrap();
        }
        writer.finalize().unwrap();
        let mut file = file.into_inner();
        let wav = fed(&file);
        prop_assert!(wav.is_whole(false));
        let millis = u64::try_from(count).unwrap() * 1000 / u64::from(channels) / u64::from(rate);
        prop_assert_eq!(wav.duration(), Some(Duration::from_millis(millis)));

        file.truncate(file.len().saturating_sub(cut));
        let is_read = hound::WavReader::new(&file[..])
            .is_ok_and(|reader| reader.into_samples::<i16>().all(|sample| sample.is_ok()));
        let is_whole = fed(&file).is_whole(true);
        prop_assert_eq!(is_whole, cut == 0);
        prop_assert!(is_read || !is_whole);
    }
}

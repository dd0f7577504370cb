use std::io::Cursor;

use bytes::Bytes;
use genrex_proto::Waveform;
use sha2::{Digest as _, Sha256};

use crate::compose::compose;
use crate::synth::SAMPLE_RATE;

/// A rendered piece: a WAVE file, 16 bits, mono, 32 kHz, and what is known of it.
#[derive(Debug, Clone)]
pub(crate) struct Audio {
    pub(crate) wav: Bytes,
    pub(crate) etag: String,
    pub(crate) waveform: Waveform,
}

impl Audio {
    /// Makes the piece of a prompt: the same for the same seed.
    pub(crate) fn render(text: &str, seconds: u8, seed: u64) -> Self {
        let samples = compose(text, seconds, seed).render();
        let wav = to_wav(&samples);
        let digest = hex::encode(Sha256::digest(&wav));
        Self {
            etag: format!("\"{}\"", &digest[..32]),
            waveform: waveform(&samples),
            wav: wav.into(),
        }
    }
}

/// The loudness in 1000 equal parts, 0 to 127: the root of the mean square, on a scale on which full
/// loudness is a sine of full swing, bent so that quiet parts can be seen.
fn waveform(samples: &[i16]) -> Waveform {
    const PARTS: usize = 1000;
    const FULL: f64 = 32_768.0 / std::f64::consts::SQRT_2;
    let count = samples.len();
    let part = |index: usize| &samples[index * count / PARTS..(index + 1) * count / PARTS];
    Waveform::new((0..PARTS).map(|index| {
        let part = part(index);
        let power: f64 = part.iter().map(|sample| f64::from(*sample).powi(2)).sum();
        let count = f64::from(u32::try_from(part.len()).unwrap_or(u32::MAX).max(1));
        let loudness = (power / count).sqrt() / FULL;
        to_u8(loudness.sqrt() * f64::from(Waveform::MAX))
    }))
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "cut to 0 to 127 first"
)]
fn to_u8(value: f64) -> u8 {
    value.round().clamp(0.0, f64::from(Waveform::MAX)) as u8
}

#[expect(clippy::expect_used, reason = "writing to memory does not fail")]
fn to_wav(samples: &[i16]) -> Vec<u8> {
    const WHY: &str = "writing to memory does not fail";
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: SAMPLE_RATE,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut wav = Cursor::new(Vec::new());
    let mut writer = hound::WavWriter::new(&mut wav, spec).expect(WHY);
    let length = u32::try_from(samples.len()).expect("a minute of samples");
    let mut block = writer.get_i16_writer(length);
    for sample in samples {
        block.write_sample(*sample);
    }
    block.flush().expect(WHY);
    writer.finalize().expect(WHY);
    wav.into_inner()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piece_is_a_wave_file_that_repeats_itself() {
        let audio = Audio::render("intense EDM", 5, 7);
        let reader = hound::WavReader::new(&audio.wav[..]).unwrap();
        assert_eq!(reader.spec().sample_rate, 32_000);
        assert_eq!(reader.len(), 5 * 32_000);
        assert_eq!(audio.waveform.values().len(), 1000);
        let peak = audio.waveform.values().iter().max().unwrap();
        assert!(*peak > 60, "{peak}");
        assert_eq!(audio.etag, Audio::render("intense EDM", 5, 7).etag);
        assert_ne!(audio.etag, Audio::render("intense EDM", 5, 8).etag);
        assert_ne!(audio.etag, Audio::render("calm rain", 5, 7).etag);
    }

    /// Whoever compares files of two versions of the sandbox finds the same music.
    #[test]
    fn the_music_does_not_change_in_secret() {
        let pieces = [
            ("intense EDM", 5, 0),
            ("calm sad piano", 20, 1),
            ("a tune", 60, 2),
            ("slow happy groove", 13, 3),
            ("", 30, 4),
        ];
        let etags = pieces.map(|(text, seconds, seed)| Audio::render(text, seconds, seed).etag);
        let digest = hex::encode(Sha256::digest(etags.concat()));
        assert_eq!(&digest[..16], "34acff756f4dc5c7");
    }
}

use crate::compose::{Feel, Note, Score, Voice};
use crate::random::Random;

/// Samples a second, of one channel.
pub(crate) const SAMPLE_RATE: u32 = 32_000;
const SAMPLES_PER_MS: u16 = 32;

impl Score {
    /// Plays the piece: exactly `seconds` × [`SAMPLE_RATE`] samples.
    ///
    /// Nothing but whole numbers and the floats' `+`, `-`, `*` and `/` makes them: no sine or power, which
    /// differ between machines.
    pub(crate) fn render(&self) -> Vec<i16> {
        let (drive, peak, ducking) = match self.feel {
            Feel::Calm => (0.7, 0.65, 0.0),
            Feel::Groove => (1.2, 0.85, 0.35),
            Feel::Drive => (1.8, 0.9, 0.75),
        };
        let mut mix = vec![0.0; usize::from(self.seconds) * samples(1_000)];
        self.play(&mut mix, &[Voice::Lead, Voice::Keys, Voice::Pluck]);
        echo(&mut mix, 3 * samples(self.step_ms));
        self.play(&mut mix, &[Voice::Bass, Voice::Pad]);
        for kick in self.notes.iter().filter(|note| note.voice == Voice::Kick) {
            duck(self.since(kick, &mut mix), ducking * kick.level);
        }
        self.play(&mut mix, &[Voice::Kick, Voice::Snare]);
        self.play(&mut mix, &[Voice::Hat, Voice::Crash]);
        fade(mix.iter_mut(), 2 * self.step_ms);
        fade(mix.iter_mut().rev(), 8 * self.step_ms);
        limit(&mix, drive, peak)
    }

    fn play(&self, mix: &mut [f32], voices: &[Voice]) {
        for &voice in voices {
            let patch = Patch::of(voice);
            for note in self.notes.iter().filter(|note| note.voice == voice) {
                let held = note.length * samples(self.step_ms);
                patch.play(note, held, self.since(note, mix));
            }
        }
    }

    /// The mix from a note on: nothing, if the piece is over by then.
    fn since<'m>(&self, note: &Note, mix: &'m mut [f32]) -> &'m mut [f32] {
        let from = note.at * samples(self.step_ms);
        mix.get_mut(from..).unwrap_or_default()
    }
}

fn samples(ms: u16) -> usize {
    usize::from(ms) * usize::from(SAMPLES_PER_MS)
}

/// The part of a way that is gone in one sample, when all of it takes `ms`.
fn rate(ms: u16) -> f32 {
    1.0 / (f32::from(ms) * f32::from(SAMPLES_PER_MS))
}

/// How a voice sounds.
struct Patch {
    wave: Wave,
    gain: f32,
    /// Milliseconds from nothing to full, from there nearly to `sustain`, and after the note to nothing.
    envelope: [u16; 3],
    /// The level of a long note: 0 to 1.
    sustain: f32,
}

impl Patch {
    fn of(voice: Voice) -> Self {
        let (wave, gain, envelope, sustain) = match voice {
            Voice::Bass => (tone(&[1.0, 0.5, 0.2], 8), 0.34, [4, 200, 40], 0.6),
            Voice::Pad => (tone(&[1.0, 0.4, 0.2], 12), 0.085, [180, 700, 300], 0.7),
            Voice::Pluck => (tone(&[1.0, 0.0, 0.3], 12), 0.2, [2, 110, 60], 0.0),
            Voice::Keys => (tone(&[1.0, 0.3, 0.1], 7), 0.3, [3, 650, 250], 0.0),
            Voice::Lead => (tone(&[1.0, 0.5, 0.3], 12), 0.15, [12, 260, 90], 0.6),
            Voice::Kick => (tone(&[1.0], 1), 1.1, [1, 110, 20], 0.0),
            Voice::Snare => (noise(), 0.45, [1, 45, 20], 0.0),
            Voice::Hat => (noise(), 0.2, [1, 18, 10], 0.0),
            Voice::Crash => (noise(), 0.14, [2, 250, 400], 0.0),
        };
        Self {
            wave,
            gain,
            envelope,
            sustain,
        }
    }

    /// Adds a note to the mix, held for so many samples.
    fn play(&self, note: &Note, held: usize, mix: &mut [f32]) {
        const STEADY: u32 = 31;
        let (pitch, fall) = match note.voice {
            // A kick falls by one 4,096th at every sample.
            Voice::Kick => (52, 12),
            Voice::Snare | Voice::Hat | Voice::Crash => (126, STEADY),
            _ => (note.pitch, STEADY),
        };
        let step = PITCHES[usize::from(pitch)];
        // Two tones a little apart sound wide.
        let steps = match note.voice {
            Voice::Pad | Voice::Lead => &[step, step + step / 200][..],
            _ => &[step],
        };
        let [attack, decay, release] = self.envelope;
        let rise = samples(attack).min(held);
        let stages = [
            (rise, 1.0, 3.0 * rate(attack)),
            (held - rise, self.sustain, rate(decay)),
            (samples(release), 0.0, 5.0 * rate(release)),
        ];
        let (wave, gain) = (self.wave.as_slice(), self.gain * note.level);
        for &step in steps {
            let mut mix = mix.iter_mut();
            let (mut step, mut phase, mut level) = (step, 0, 0.0);
            for (length, goal, pace) in stages {
                for sample in mix.by_ref().take(length) {
                    step -= step >> fall;
                    phase = (phase + step) % PERIOD;
                    level += (goal - level) * pace;
                    let (dull, bright) = wave[phase / (PERIOD / WAVE)];
                    *sample += gain * level * (dull + level * bright);
                }
            }
        }
    }
}

/// How far the phase goes in a period.
const PERIOD: usize = 1 << 28;
/// In how many places a period is known.
const WAVE: usize = 1 << 11;

/// A period: what always sounds, and what only sounds while a note is loud.
type Wave = Vec<(f32, f32)>;

/// Overtones of given strengths, and while a note is loud a sawtooth's up to a highest one.
fn tone(strengths: &[f32], highest: u8) -> Wave {
    let sine: Vec<f32> = (0_u16..1 << 11).map(sine).collect();
    let overtone = |at: usize, times: u8| sine[at * usize::from(times) % WAVE];
    let place = |at| {
        let dull = (1..)
            .zip(strengths)
            .map(|(times, strength)| strength * overtone(at, times));
        let bright = (3..=highest).map(|times| overtone(at, times) / f32::from(times));
        (dull.sum(), bright.sum())
    };
    (0..WAVE).map(place).collect()
}

/// A sine's value at a place of its period, right to a thousandth.
fn sine(at: u16) -> f32 {
    let turn = 1.0 - f32::from(at) / 1_024.0;
    let arc = 4.0 * turn * (1.0 - turn.abs());
    arc + 0.225 * (arc * arc.abs() - arc)
}

/// A period of noise: played at the highest pitches, it does not sound periodic.
fn noise() -> Wave {
    let mut rng = Random::seeded(0);
    let draw = |_| (f32::from(rng.draw()) / 32_768.0 - 1.0, 0.0);
    (0..WAVE).map(draw).collect()
}

/// How far the phase goes in a sample, for each MIDI note number.
static PITCHES: [usize; 128] = pitches();

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "0 < step < PERIOD"
)]
const fn pitches() -> [usize; 128] {
    const SEMITONE: f64 = 1.059_463_094_359_295_3;
    const LOWEST_HZ: f64 = 8.175_798_915_643_707;
    const PER_HZ: f64 = 268_435_456.0 / 32_000.0; // PERIOD / SAMPLE_RATE
    let mut steps = [0; 128];
    let (mut pitch, mut step) = (0, LOWEST_HZ * PER_HZ);
    while pitch < steps.len() {
        steps[pitch] = step as usize;
        step *= SEMITONE;
        pitch += 1;
    }
    steps
}

/// Repeats everything, softer every time.
fn echo(mix: &mut [f32], delay: usize) {
    for at in delay..mix.len() {
        mix[at] += 0.34 * mix[at - delay];
    }
}

/// Makes room for a kick: softer by `depth` at once, and soon as loud as before.
fn duck(mix: &mut [f32], depth: f32) {
    let (mut lost, recovery) = (depth, 1.0 - rate(90));
    for sample in mix.iter_mut().take(samples(400)) {
        *sample *= 1.0 - lost;
        lost *= recovery;
    }
}

/// From silence to full in `ms`.
fn fade<'m>(mix: impl Iterator<Item = &'m mut f32>, ms: u16) {
    let mut level = 0.0;
    for sample in mix.take(samples(ms)) {
        *sample *= level * level;
        level += rate(ms);
    }
}

/// Brings the loudest sample to `peak` of full scale. The higher `drive` is, from 0 to 3, the nearer to
/// it the others come.
#[expect(
    clippy::cast_possible_truncation,
    reason = "no sample is beyond the peak"
)]
fn limit(mix: &[f32], drive: f32, peak: f32) -> Vec<i16> {
    let curve = |x: f32| x * (27.0 + x * x) / (27.0 + 9.0 * x * x);
    let levels = mix.iter().map(|x| x.abs());
    let loudest = levels.fold(f32::MIN_POSITIVE, f32::max);
    let (gain, scale) = (drive / loudest, peak * 32_767.0 / curve(drive));
    let limited = |x: &f32| (scale * curve(gain * x)) as i16;
    mix.iter().map(limited).collect()
}

#[cfg(test)]
mod tests {
    use crate::compose::compose;

    const PROMPTS: [&str; 4] = ["intense EDM", "calm rain piano", "dark techno", "a tune"];

    fn rms(samples: &[i16]) -> f64 {
        let squares = samples
            .iter()
            .map(|&sample| f64::from(sample) * f64::from(sample));
        let (sum, count) = squares.fold((0.0, 0.0), |(sum, count), square| {
            (sum + square, count + 1.0)
        });
        (sum / count).sqrt()
    }

    #[test]
    fn the_arguments_alone_decide() {
        let samples = compose("a tune", 8, 1).render();
        assert_eq!(samples, compose("a tune", 8, 1).render());
        assert_ne!(samples, compose("a tune", 8, 2).render());
        assert_ne!(samples, compose("b tune", 8, 1).render());
    }

    #[test]
    fn a_piece_is_as_long_as_asked() {
        for seconds in [0, 1, 5, 6, 60] {
            let samples = compose("edm", seconds, 3).render();
            assert_eq!(samples.len(), usize::from(seconds) * 32_000);
        }
    }

    #[test]
    fn a_piece_is_loud_without_clipping_and_has_no_hole() {
        for (prompt, seconds) in PROMPTS.into_iter().zip([5, 13, 30, 60]) {
            let samples = compose(prompt, seconds, 5).render();
            let peak = samples
                .iter()
                .map(|sample| sample.unsigned_abs())
                .max()
                .unwrap();
            assert!((16_384..31_129).contains(&peak), "{prompt} peaks at {peak}");
            let tenth = samples.len() / 10;
            let mut windows = samples[tenth..9 * tenth].windows(64_000).step_by(16_000);
            assert!(
                windows.all(|window| rms(window) > 700.0),
                "{prompt} has a hole"
            );
        }
    }

    #[test]
    fn a_piece_begins_and_ends_quietly() {
        for prompt in PROMPTS {
            let samples = compose(prompt, 10, 5).render();
            let (first, last) = (&samples[..320], &samples[samples.len() - 320..]);
            assert!(rms(first) < 200.0 && rms(last) < 50.0, "{prompt} clicks");
        }
    }
}

use Layer::{Arp, Bass, Beat, Chords, Octave, Tune};

use crate::random::Random;

/// A piece of music for a prompt: the same three arguments give the same piece on every machine.
pub(crate) fn compose(prompt: &str, seconds: u8, seed: u64) -> Score {
    let theme = Theme::new(prompt, &mut Random::seeded(stable_hash(prompt, seed)));
    Score {
        feel: theme.feel,
        seconds,
        step_ms: theme.step_ms,
        notes: Writer::new(theme).write(seconds),
    }
}

/// A piece as data, on a grid of sixteenth notes; `render` plays it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Score {
    pub(crate) feel: Feel,
    pub(crate) seconds: u8,
    /// The length of a sixteenth in milliseconds, 86 to 310: about 174 to 48 beats a minute.
    pub(crate) step_ms: u16,
    pub(crate) notes: Vec<Note>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Note {
    pub(crate) voice: Voice,
    /// When it begins, in sixteenths from the start. A piece may be over by then.
    pub(crate) at: usize,
    /// How long it is held, in sixteenths: at least 1.
    pub(crate) length: usize,
    /// A MIDI note number, at most 127. It says nothing of a drum.
    pub(crate) pitch: u8,
    /// How loud it is among its voice's notes: 0 to 1.
    pub(crate) level: f32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Voice {
    Bass,
    Pad,
    Pluck,
    Keys,
    Lead,
    Kick,
    Snare,
    Hat,
    Crash,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Feel {
    /// Slow and soft, without drums.
    Calm,
    Groove,
    /// Fast, with a kick on every beat.
    Drive,
}

/// A bar, one character a sixteenth: `.` is a rest, `-` holds on, anything else begins a note. A digit
/// is so many degrees of the scale above the chord's root.
type Pattern = &'static str;

/// A bar of melody: when each note begins, how long it is, and its degrees above the chord's root.
type Motif = Vec<(usize, usize, u8)>;

/// What a piece repeats and varies.
struct Theme {
    feel: Feel,
    step_ms: u16,
    /// The MIDI note number of the tonic below the lowest bass.
    tonic: u8,
    /// Semitones above the tonic.
    scale: [u8; 7],
    /// A digit a bar, the degree of its chord; the last one leads back to the tonic, which is 0.
    chords: &'static str,
    bass: Pattern,
    arp: Pattern,
    /// `k` is the kick, `s` the snare, `b` both, each with the hat; `h` is the hat alone.
    beat: Pattern,
    /// A question, two answers, and a close.
    motifs: [Motif; 4],
    /// The tune's and the arpeggio's.
    voices: [Voice; 2],
}

impl Theme {
    /// Follows the prompt's words; where they are silent, chance decides.
    fn new(prompt: &str, rng: &mut Random) -> Self {
        const CLOSE: [Pattern; 3] = ["x---x---x-------", "x--x--x-----....", "x-------x---...."];
        let words = Words(prompt.to_lowercase());
        let feel = match words.prefer(Words::CALM, Words::DRIVE) {
            Some(true) => Feel::Calm,
            Some(false) => Feel::Drive,
            None => rng.pick([Feel::Calm, Feel::Groove, Feel::Drive]),
        };
        let is_minor = words.prefer(Words::MINOR, Words::MAJOR);
        let (scale, chords) = if is_minor.unwrap_or_else(|| rng.pick([true, false])) {
            ([0, 2, 3, 5, 7, 8, 10], ["0526", "0654", "0534", "05260354"])
        } else {
            ([0, 2, 4, 5, 7, 9, 11], ["0453", "0534", "0314", "04523034"])
        };
        let style = feel.style();
        let step_ms = rng.pick(style.steps_ms);
        // The order is part of what the seed gives: each line draws the next number.
        Self {
            feel,
            step_ms: match words.prefer("slow", "fast") {
                Some(true) => step_ms + step_ms / 4,
                Some(false) => step_ms - step_ms / 5,
                None => step_ms,
            },
            bass: rng.pick(style.bass),
            arp: rng.pick(style.arp),
            beat: rng.pick(style.beat),
            tonic: rng.pick([16, 17, 18, 19, 20, 21, 22, 23]),
            scale,
            chords: rng.pick(chords),
            motifs: [style.bars, style.bars, style.bars, CLOSE]
                .map(|bars| motif(rng.pick(bars), rng)),
            voices: style.voices,
        }
    }

    fn chord(&self, bar: usize) -> u8 {
        self.chords.as_bytes()[bar % self.chords.len()] - b'0'
    }

    /// `degree` counts from the lowest tonic, seven to the octave.
    fn pitch(&self, degree: u8) -> u8 {
        self.tonic + 12 * (degree / 7) + self.scale[usize::from(degree % 7)]
    }
}

/// A prompt's words, in lower case. What they wish for is known by how they begin.
struct Words(String);

impl Words {
    const CALM: &str = "calm ambient sleep rain piano soft gentl relax medit lullab";
    const DRIVE: &str = "edm techno intens danc hous tranc energ rock party workout";
    const MINOR: &str = "sad dark melanch lonel night";
    const MAJOR: &str = "happ bright joy sunn cheer";

    /// Whether more words begin by the one's stems than by the other's; nothing for as many.
    fn prefer(&self, one: &str, other: &str) -> Option<bool> {
        let (one, other) = (self.count(one), self.count(other));
        (one != other).then_some(one > other)
    }

    fn count(&self, stems: &str) -> usize {
        let words = self.0.split(|letter: char| !letter.is_alphanumeric());
        let known = |word: &&str| stems.split(' ').any(|stem| word.starts_with(stem));
        words.filter(known).count()
    }
}

/// What a feel lets chance choose from.
struct Style {
    steps_ms: [u16; 5],
    bass: [Pattern; 2],
    arp: [Pattern; 2],
    beat: [Pattern; 2],
    bars: [Pattern; 3],
    voices: [Voice; 2],
}

impl Feel {
    const fn style(self) -> Style {
        match self {
            Self::Calm => Style {
                steps_ms: [196, 208, 220, 234, 248],
                bass: ["0-------4-------", "0---------4-7---"],
                arp: ["0-2-4-7-9-7-4-2-", "0---4---7---4-2-"],
                beat: ["................"; 2],
                bars: ["x-----x-x-------", "x---x---x---x---", "....x-x-x-----x-"],
                voices: [Voice::Keys, Voice::Keys],
            },
            Self::Groove => Style {
                steps_ms: [144, 150, 156, 162, 170],
                bass: ["0--0..7-0---4-6-", "0-.0..0-4-..7-4-"],
                arp: ["0..4..7..4..2.4.", "0-4-2-4-7-4-2-4-"],
                beat: ["k.h.s.k.k.h.s.hs", "k.hks.h..kk.s.hh"],
                bars: ["x--x--x-x---....", "..x-x-x---x-x---", "x---..x-x-x-x---"],
                voices: [Voice::Lead, Voice::Pluck],
            },
            Self::Drive => Style {
                steps_ms: [107, 110, 114, 117, 121],
                bass: ["..0-..0-..0-..7-", ".000.000.000.070"],
                arp: ["0247024702470249", "0.47.40.7.47.402"],
                beat: ["k.hhb.hhk.hhb.hh", "k.h.b.h.k.h.b.hs"],
                bars: ["x--x--x-x--x--x-", "x-x---x-x-x---..", "x--x--x---x-x-x-"],
                voices: [Voice::Lead, Voice::Pluck],
            },
        }
    }
}

/// Wanders up and down the scale, and is on a tone of the chord where the bar is heavy.
fn motif(rhythm: Pattern, rng: &mut Random) -> Motif {
    const CHORD_TONES: [u8; 8] = [0, 0, 2, 2, 4, 4, 4, 7];
    let mut degree = rng.pick([2, 4, 7]);
    let wander = |(at, length, _)| {
        degree = (degree + rng.pick([0, 1, 1, 3, 3, 4])).clamp(2, 9) - 2;
        if at % 8 == 0 {
            degree = CHORD_TONES[usize::from(degree)];
        }
        (at, length, degree)
    };
    cells(rhythm).map(wander).collect()
}

/// When each note of a pattern begins, how long it is, and its character.
fn cells(pattern: Pattern) -> impl Iterator<Item = (usize, usize, u8)> {
    let cells = pattern.bytes().enumerate();
    let begun = cells.filter(|(_, cell)| !matches!(cell, b'.' | b'-'));
    begun.map(move |(at, cell)| {
        let held = pattern.bytes().skip(at + 1).take_while(|&it| it == b'-');
        (at, 1 + held.count(), cell)
    })
}

#[derive(Clone, Copy, PartialEq)]
enum Layer {
    Chords,
    Arp,
    Bass,
    Beat,
    Tune,
    /// The tune again, an octave higher.
    Octave,
}

/// A section: how loud it is, and what is in it.
type Part = (f32, &'static [Layer]);

/// The section that a bar is in. A piece of few bars has fewer of them.
fn part(bar: usize, bars: usize) -> Part {
    const INTRO: Part = (0.5, &[Chords, Arp]);
    const BUILD: Part = (0.7, &[Chords, Arp, Bass, Beat]);
    const MAIN: Part = (0.9, &[Chords, Arp, Bass, Beat, Tune]);
    const BREAK: Part = (0.6, &[Chords, Tune]);
    const CLIMAX: Part = (1.0, &[Chords, Arp, Bass, Beat, Tune, Octave]);
    const OUTRO: Part = (0.6, &[Chords, Arp, Bass]);
    let plan: &[Part] = match bars {
        0..8 => &[BUILD, MAIN, CLIMAX, OUTRO],
        _ => &[INTRO, BUILD, MAIN, MAIN, BREAK, CLIMAX, CLIMAX, OUTRO],
    };
    plan[bar * plan.len() / bars]
}

struct Writer {
    theme: Theme,
    notes: Vec<Note>,
}

impl Writer {
    /// Sixteenths in a bar.
    const BAR: usize = 16;
    /// How many sixteenths are left for the last chord to ring and fade, at the least.
    const FINALE: usize = 8;

    fn new(theme: Theme) -> Self {
        let notes = Vec::new();
        Self { theme, notes }
    }

    fn write(mut self, seconds: u8) -> Vec<Note> {
        let steps = usize::from(seconds) * 1_000 / usize::from(self.theme.step_ms);
        let bars = (steps.saturating_sub(Self::FINALE) / Self::BAR).max(1);
        for bar in 0..bars {
            self.bar(bar, bars);
        }
        let end = bars * Self::BAR;
        let length = steps.saturating_sub(end).max(1);
        self.chord(end, length, 0, 0.7);
        self.note(Voice::Bass, end, length, 7, 0.7);
        self.note(self.theme.voices[0], end, length, 28, 0.7);
        self.drum(Voice::Kick, end, 0.8);
        self.drum(Voice::Crash, end, 0.7);
        self.notes
    }

    fn bar(&mut self, bar: usize, bars: usize) {
        const DOMINANT: u8 = 4;
        let now = part(bar, bars);
        let first = bar == 0 || part(bar - 1, bars) != now;
        let last = bar + 1 == bars || part(bar + 1, bars) != now;
        let dominant = (bar + 1 == bars).then_some(DOMINANT);
        let chord = dominant.unwrap_or_else(|| self.theme.chord(bar));
        let at = bar * Self::BAR;
        let (level, layers) = now;
        let [tune, arp] = self.theme.voices;
        for layer in layers {
            match layer {
                Chords => self.chord(at, Self::BAR, chord, level),
                Arp => self.pattern(arp, self.theme.arp, at, 21 + chord, level),
                Bass => self.pattern(Voice::Bass, self.theme.bass, at, 7 + chord, level),
                Beat => self.beat(at, level, first, last),
                Tune => self.tune(tune, bar, 21 + chord, level),
                Octave => self.tune(arp, bar, 28 + chord, level * 0.6),
            }
        }
    }

    /// The chord's three tones within one octave: from one to the next they stay or move a little.
    fn chord(&mut self, at: usize, length: usize, chord: u8, level: f32) {
        for third in [0, 2, 4] {
            self.note(Voice::Pad, at, length, 21 + (chord + third) % 7, level);
        }
    }

    fn pattern(&mut self, voice: Voice, pattern: Pattern, at: usize, root: u8, level: f32) {
        for (cell, length, digit) in cells(pattern) {
            let accent = if cell % 4 == 0 { 1.0 } else { 0.8 };
            let degree = root + digit - b'0';
            self.note(voice, at + cell, length, degree, level * accent);
        }
    }

    /// Two phrases of four bars, alike but for the second bar.
    fn tune(&mut self, voice: Voice, bar: usize, root: u8, level: f32) {
        const FORM: [usize; 8] = [0, 1, 0, 3, 0, 2, 0, 3];
        // High chords have their tune an octave lower, so that it does not leap with them.
        let root = if root % 7 > 3 { root } else { root + 7 };
        for (cell, length, degree) in self.theme.motifs[FORM[bar % FORM.len()]].clone() {
            let accent = if cell % 8 == 0 { 1.0 } else { 0.85 };
            let at = bar * Self::BAR + cell;
            self.note(voice, at, length, root + degree, level * accent);
        }
    }

    /// A section's first bar begins with a crash, and its last one ends with a fill.
    fn beat(&mut self, at: usize, level: f32, first: bool, last: bool) {
        const FILL: Pattern = "k.hhb.hsk.hsbsss";
        if first {
            self.drum(Voice::Crash, at, level);
        }
        for (cell, _, stroke) in cells(if last { FILL } else { self.theme.beat }) {
            let level = if cell % 2 == 0 { level } else { level * 0.6 };
            if matches!(stroke, b'k' | b'b') {
                self.drum(Voice::Kick, at + cell, level);
            }
            if matches!(stroke, b's' | b'b') {
                self.drum(Voice::Snare, at + cell, level);
            }
            self.drum(Voice::Hat, at + cell, level * 0.8);
        }
    }

    fn drum(&mut self, drum: Voice, at: usize, level: f32) {
        if self.theme.feel != Feel::Calm {
            self.note(drum, at, 4, 0, level);
        }
    }

    fn note(&mut self, voice: Voice, at: usize, length: usize, degree: u8, level: f32) {
        let pitch = self.theme.pitch(degree);
        self.notes.push(Note {
            voice,
            at,
            length,
            pitch,
            level,
        });
    }
}

/// FNV-1a, 64 bits wide, of the prompt's bytes and then the seed's.
fn stable_hash(prompt: &str, seed: u64) -> u64 {
    let bytes = prompt.bytes().chain(seed.to_le_bytes());
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_set_the_feel_and_the_tempo() {
        let step_ms = |prompt| compose(prompt, 30, 7).step_ms;
        assert!(step_ms("intense EDM") < 125);
        assert!(step_ms("Dancing, all night") < 125);
        assert!(step_ms("calm rain piano") > 190);
        assert!(step_ms("dark slow techno") > 130);
        let has_drums = |prompt| {
            let notes = compose(prompt, 30, 7).notes;
            notes.iter().any(|note| note.voice == Voice::Kick)
        };
        assert!(has_drums("happy house") && !has_drums("ambient sleep"));
    }

    #[test]
    fn words_set_the_mode() {
        for seed in 0..20 {
            let third = |prompt| {
                let notes = compose(prompt, 30, seed).notes;
                notes[1].pitch - notes[0].pitch
            };
            assert_eq!((third("happy tune"), third("sad tune")), (4, 3));
        }
    }

    #[test]
    fn a_score_keeps_its_ranges() {
        for seed in 0..200 {
            let score = compose("", 60, seed);
            assert!((86..=310).contains(&score.step_ms));
            for note in score.notes {
                assert!(note.pitch <= 127 && note.length > 0 && (0.0..=1.0).contains(&note.level));
            }
        }
    }
}

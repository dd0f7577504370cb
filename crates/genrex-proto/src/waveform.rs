use serde::{Deserialize, Deserializer, Serialize};

/// The loudness of a piece over its whole length: values from 0 to 127, documented as 1000 of them.
///
/// Any number of values is accepted, and a value outside the range counts as the nearer end of it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize)]
#[serde(transparent)]
pub struct Waveform(Vec<u8>);

impl Waveform {
    /// The loudest value.
    pub const MAX: u8 = 127;

    /// Takes values, each cut to 0 to 127.
    #[must_use]
    pub fn new(values: impl IntoIterator<Item = u8>) -> Self {
        Self(
            values
                .into_iter()
                .map(|value| value.min(Self::MAX))
                .collect(),
        )
    }

    /// The values, from the piece's start to its end.
    #[must_use]
    pub fn values(&self) -> &[u8] {
        &self.0
    }

    /// The loudest value in each of `width` equal parts; fewer parts than values never skip a peak.
    /// Empty without values or width.
    #[must_use]
    pub fn columns(&self, width: usize) -> Vec<u8> {
        let count = self.0.len();
        if count == 0 {
            return Vec::new();
        }
        (0..width)
            .map(|column| {
                let start = column * count / width;
                let end = ((column + 1) * count).div_ceil(width);
                self.0[start..end.min(count)]
                    .iter()
                    .copied()
                    .max()
                    .unwrap_or(0)
            })
            .collect()
    }

    /// Draws the piece in `width` block glyphs, from silence (a space) to full (`█`).
    ///
    /// ```
    /// let rise = genrex_proto::Waveform::new((0..128).map(|value| value as u8));
    /// assert_eq!(rise.blocks(9), " ▁▂▃▄▅▆▇█");
    /// ```
    #[must_use]
    pub fn blocks(&self, width: usize) -> String {
        const GLYPHS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
        self.columns(width)
            .into_iter()
            .map(|value| GLYPHS[usize::from(value) * GLYPHS.len() / (usize::from(Self::MAX) + 1)])
            .collect()
    }
}

impl FromIterator<u8> for Waveform {
    fn from_iter<I: IntoIterator<Item = u8>>(values: I) -> Self {
        Self::new(values)
    }
}

impl AsRef<[u8]> for Waveform {
    fn as_ref(&self) -> &[u8] {
        self.values()
    }
}

impl<'de> Deserialize<'de> for Waveform {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let values = Vec::<f64>::deserialize(deserializer)?;
        Ok(Self(values.into_iter().map(nearest).collect()))
    }
}

/// The nearest whole number in the range, bit by bit; a half goes up, and what is no number is 0.
fn nearest(value: f64) -> u8 {
    [64, 32, 16, 8, 4, 2, 1].into_iter().fold(0, |found, bit| {
        let higher: u8 = found + bit;
        if f64::from(higher) - 0.5 <= value {
            higher
        } else {
            found
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_goes_to_the_nearest_whole_one_in_the_range() {
        for whole in 0..=Waveform::MAX {
            let value = f64::from(whole);
            for near in [value - 0.5, value - 0.25, value, value + 0.499] {
                assert_eq!(nearest(near), whole, "{near}");
            }
        }
        for (value, expected) in [
            (f64::NAN, 0),
            (f64::NEG_INFINITY, 0),
            (-1.0, 0),
            (0.5_f64.next_down(), 0),
            (127.5, 127),
            (f64::MAX, 127),
            (f64::INFINITY, 127),
        ] {
            assert_eq!(nearest(value), expected, "{value}");
        }
    }
}

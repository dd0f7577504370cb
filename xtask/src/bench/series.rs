//! Runs in turn, and what their spread is.

use super::process::Reading;

/// What is measured, by its name.
pub(crate) struct Subject<'a> {
    name: String,
    run: Box<dyn FnMut() -> anyhow::Result<Reading> + 'a>,
}

impl<'a> Subject<'a> {
    pub(crate) fn new(
        name: impl Into<String>,
        run: impl FnMut() -> anyhow::Result<Reading> + 'a,
    ) -> Self {
        Self {
            name: name.into(),
            run: Box::new(run),
        }
    }
}

/// What was read of a subject, round by round.
#[derive(Debug)]
pub(crate) struct Readings {
    pub(crate) name: String,
    pub(crate) of: Vec<Reading>,
}

/// Runs each subject once, and all of them again, so many times: what slows the machine down meanwhile slows them all.
pub(crate) fn interleaved(
    rounds: usize,
    mut subjects: Vec<Subject<'_>>,
) -> anyhow::Result<Vec<Readings>> {
    let mut all: Vec<Readings> = subjects
        .iter()
        .map(|subject| Readings {
            name: subject.name.clone(),
            of: Vec::new(),
        })
        .collect();
    for _ in 0..rounds {
        for (subject, readings) in subjects.iter_mut().zip(&mut all) {
            readings.of.push((subject.run)()?);
        }
    }
    Ok(all)
}

/// The middle of some values, and how far they lie apart.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Spread {
    pub(crate) least: f64,
    pub(crate) lower: f64,
    pub(crate) median: f64,
    pub(crate) upper: f64,
    pub(crate) most: f64,
}

impl Spread {
    /// Of at least one value.
    pub(crate) fn of(values: &[f64]) -> Option<Self> {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let (least, most) = (*sorted.first()?, *sorted.last()?);
        let (lower, upper) = sorted.split_at(sorted.len() / 2);
        // The middle one of an odd number is in neither half.
        let upper = &upper[sorted.len() % 2..];
        Some(Self {
            least,
            lower: middle(lower).unwrap_or(least),
            median: middle(&sorted)?,
            upper: middle(upper).unwrap_or(most),
            most,
        })
    }
}

/// Of values that are sorted.
fn middle(sorted: &[f64]) -> Option<f64> {
    let half = sorted.len() / 2;
    let upper = sorted.get(half)?;
    Some(match sorted.len() % 2 {
        1 => *upper,
        _ => f64::midpoint(sorted[half - 1], *upper),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_spread_is_that_of_the_text_books() {
        let of = |values: &[f64]| {
            let spread = Spread::of(values).unwrap();
            [
                spread.least,
                spread.lower,
                spread.median,
                spread.upper,
                spread.most,
            ]
        };
        assert_eq!(of(&[3.0]), [3.0; 5]);
        assert_eq!(of(&[4.0, 1.0]), [1.0, 1.0, 2.5, 4.0, 4.0]);
        assert_eq!(of(&[5.0, 1.0, 3.0]), [1.0, 1.0, 3.0, 5.0, 5.0]);
        let seven = [7.0, 1.0, 6.0, 2.0, 5.0, 3.0, 4.0];
        assert_eq!(of(&seven), [1.0, 2.0, 4.0, 6.0, 7.0]);
        assert_eq!(Spread::of(&[]), None);
    }

    #[test]
    fn subjects_take_turns() {
        let order = std::cell::RefCell::new(String::new());
        let subject = |name: &'static str| {
            let order = &order;
            Subject::new(name, move || {
                order.borrow_mut().push_str(name);
                Ok(Reading::default())
            })
        };
        let read = interleaved(3, vec![subject("a"), subject("b")]).unwrap();
        assert_eq!(*order.borrow(), "ababab");
        assert_eq!((read.len(), read[1].of.len()), (2, 3));
    }
}

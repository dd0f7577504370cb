use super::process::Reading;
use super::series::{Readings, Spread};

/// Some figures of one kind, and their ratios.
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) caption: String,
    pub(crate) unit: Unit,
    pub(crate) series: Vec<Series>,
    pub(crate) ratios: Vec<Ratio>,
    pub(crate) remarks: Vec<String>,
}

#[derive(Debug)]
pub(crate) struct Series {
    pub(crate) name: String,
    pub(crate) values: Vec<f64>,
}

#[derive(Debug)]
pub(crate) struct Ratio {
    pub(crate) name: String,
    pub(crate) values: Vec<f64>,
    pub(crate) goal: Option<Goal>,
}

/// What a ratio is to be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Goal {
    AtMost(f64),
    AtLeast(f64),
    Between(f64, f64),
    /// Not one of them is missing, however many there are.
    All,
}

/// What a figure counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    Nanoseconds,
    Kilobytes,
    Count,
}

impl Table {
    pub(crate) fn new(caption: &str, unit: Unit) -> Self {
        Self {
            caption: caption.to_owned(),
            unit,
            series: Vec::new(),
            ratios: Vec::new(),
            remarks: Vec::new(),
        }
    }

    /// One figure of each reading.
    pub(crate) fn of(
        caption: &str,
        unit: Unit,
        readings: &[Readings],
        figure: impl Fn(&Reading) -> f64,
    ) -> Self {
        let mut table = Self::new(caption, unit);
        for Readings { name, of } in readings {
            table = table.with(name, of.iter().map(&figure).collect());
        }
        table
    }

    pub(crate) fn with(mut self, name: &str, values: Vec<f64>) -> Self {
        self.series.push(Series {
            name: name.to_owned(),
            values,
        });
        self
    }

    /// Adds the ratio of two series, round by round; nothing if one was not measured.
    pub(crate) fn ratio(mut self, one: &str, other: &str, goal: Option<Goal>) -> Self {
        let values = |name| {
            let found = self.series.iter().find(|series| series.name == name);
            found.map(|series| &series.values)
        };
        if let (Some(ones), Some(others)) = (values(one), values(other)) {
            let pairs = ones.iter().zip(others);
            let values = pairs.map(|(one, other)| one / other).collect();
            self.ratios.push(Ratio {
                name: format!("{one} / {other}"),
                values,
                goal,
            });
        }
        self
    }

    /// A goal of one series itself, as its part of the most that it may be.
    pub(crate) fn within(self, name: &str, most: f64) -> Self {
        self.part_of(name, most, Goal::AtMost(1.0))
    }

    /// A goal of one series itself: it is to be so many, all of them.
    pub(crate) fn all(self, name: &str, count: f64) -> Self {
        self.part_of(name, count, Goal::All)
    }

    fn part_of(mut self, name: &str, whole: f64, goal: Goal) -> Self {
        if let Some(series) = self.series.iter().find(|series| series.name == name) {
            let values = series.values.iter().map(|value| value / whole).collect();
            self.ratios.push(Ratio {
                name: format!("{name} / {}", self.unit.told(whole)),
                values,
                goal: Some(goal),
            });
        }
        self
    }

    pub(crate) fn remark(mut self, remark: impl Into<String>) -> Self {
        self.remarks.push(remark.into());
        self
    }
}

impl Ratio {
    pub(crate) fn is_met(&self) -> Option<bool> {
        let median = Spread::of(&self.values)?.median;
        self.goal.map(|goal| goal.is_met(median))
    }
}

impl Goal {
    /// To the two digits that are shown, but for what is to be whole.
    fn is_met(self, value: f64) -> bool {
        let shown = (value * 100.0).round() / 100.0;
        match self {
            Self::AtMost(most) => shown <= most,
            Self::AtLeast(least) => shown >= least,
            Self::Between(least, most) => (least..=most).contains(&shown),
            Self::All => value >= 1.0,
        }
    }

    pub(crate) fn told(self) -> String {
        match self {
            Self::AtMost(most) => format!("at most {most}"),
            Self::AtLeast(least) => format!("at least {least}"),
            Self::Between(least, most) => format!("{least} to {most}"),
            Self::All => String::from("all"),
        }
    }
}

impl Unit {
    /// With three digits or so.
    pub(crate) fn told(self, value: f64) -> String {
        let steps: &[(f64, &str)] = match self {
            Self::Nanoseconds => &[(1e9, " s"), (1e6, " ms"), (1e3, " µs"), (1.0, " ns")],
            Self::Kilobytes => &[(1e6, " GB"), (1e3, " MB"), (1.0, " kB")],
            Self::Count => &[(1.0, "")],
        };
        let fits = |(size, _): &&(f64, &str)| value.abs() >= *size;
        let (size, name) = steps
            .iter()
            .find(fits)
            .or(steps.last())
            .unwrap_or(&(1.0, ""));
        let value = value / size;
        let digits = match value.abs() {
            above if above >= 100.0 => 0,
            above if above >= 10.0 => 1,
            _ => 2,
        };
        format!("{value:.digits$}{name}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_told_in_the_unit_that_fits() {
        assert_eq!(Unit::Nanoseconds.told(158.4), "158 ns");
        assert_eq!(Unit::Nanoseconds.told(84_120.0), "84.1 µs");
        assert_eq!(Unit::Nanoseconds.told(4_500_000_000.0), "4.50 s");
        assert_eq!(Unit::Nanoseconds.told(0.5), "0.50 ns");
        assert_eq!(Unit::Kilobytes.told(38_200.0), "38.2 MB");
        assert_eq!(Unit::Count.told(7.1), "7.10");
    }

    #[test]
    fn a_ratio_is_taken_round_by_round() {
        let table = Table::new("time", Unit::Nanoseconds)
            .with("a", vec![2.0, 8.0])
            .with("b", vec![1.0, 2.0])
            .ratio("a", "b", Some(Goal::AtMost(3.0)))
            .ratio("a", "none", None);
        let [ratio] = &table.ratios[..] else {
            panic!("{table:?}");
        };
        assert_eq!(ratio.values, [2.0, 4.0]);
        assert_eq!(ratio.is_met(), Some(true));
    }

    #[test]
    fn a_goal_is_met_or_missed_as_it_is_shown() {
        for (goal, met, missed) in [
            (Goal::AtMost(1.05), 1.0549, 1.0551),
            (Goal::AtLeast(0.8), 0.7951, 0.7949),
            (Goal::Between(0.8, 1.2), 1.2, 0.7),
            (Goal::All, 1.0, 0.9999),
        ] {
            assert!(goal.is_met(met) && !goal.is_met(missed), "{goal:?}");
        }
    }
}

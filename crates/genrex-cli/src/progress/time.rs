//! Times as a person reads them at a glance.

use std::time::Duration;

/// As a clock shows it: `0:07`, `12:00`, `1:02:03`.
pub(crate) fn clock(time: Duration) -> String {
    let seconds = time.as_secs();
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match hours {
        0 => format!("{minutes}:{seconds:02}"),
        _ => format!("{hours}:{minutes:02}:{seconds:02}"),
    }
}

/// As it is said: `7 s`, `3 min 5 s`, `1 h 2 min`.
pub(crate) fn said(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => match seconds % 60 {
            0 => format!("{} min", seconds / 60),
            rest => format!("{} min {rest} s", seconds / 60),
        },
        _ => format!("{} h {} min", seconds / 3600, seconds / 60 % 60),
    }
}

/// As an estimate is said, which knows no seconds of an hour: `7 s`, `3 min`, `1 h 20 min`.
pub(crate) fn about(time: Duration) -> String {
    let minutes = (time.as_secs() + 30) / 60;
    match time.as_secs() {
        seconds @ 0..90 => format!("{seconds} s"),
        90..5400 => format!("{minutes} min"),
        _ => format!("{} h {} min", minutes / 60, minutes % 60 / 10 * 10),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_said_in_whole_units() {
        for (seconds, as_clock, as_said, as_estimate) in [
            (0, "0:00", "0 s", "0 s"),
            (59, "0:59", "59 s", "59 s"),
            (60, "1:00", "1 min", "60 s"),
            (185, "3:05", "3 min 5 s", "3 min"),
            (3_600, "1:00:00", "1 h 0 min", "60 min"),
            (5_025, "1:23:45", "1 h 23 min", "84 min"),
            (7_500, "2:05:00", "2 h 5 min", "2 h 0 min"),
        ] {
            let time = Duration::from_secs(seconds);
            let all = [clock(time), said(time), about(time)];
            assert_eq!(all, [as_clock, as_said, as_estimate]);
        }
    }
}

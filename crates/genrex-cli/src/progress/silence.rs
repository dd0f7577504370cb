//! When it is said, where nothing is drawn, that the service does not answer.

use std::time::Duration;

use genrex_async::Progress;

use crate::progress::time::said;
use crate::progress::words::why_unanswered;

/// From how long a silence on it is said.
const FIRST: Duration = Duration::from_secs(10);
/// How much longer it must be to be said again.
const AGAIN: Duration = Duration::from_secs(60);

/// The silence that goes on, if one does.
#[derive(Debug, Clone, Default)]
pub(super) struct Silence {
    /// How long it was when it was last said.
    last: Option<Duration>,
}

impl Silence {
    /// What is to be said of it now: after 10 s, and then each minute; and that it is over, if it was said.
    pub(super) fn hear(&mut self, progress: &Progress) -> Option<String> {
        match progress {
            Progress::Unanswered { silent, .. } => {
                let due = self.last.map_or(FIRST, |last| last + AGAIN);
                if *silent < due {
                    return None;
                }
                self.last = Some(*silent);
                let why = why_unanswered(progress)?;
                let silent = said(*silent);
                Some(format!(
                    "no answer for {silent} ({why}), still trying; the job goes on"
                ))
            }
            Progress::Polled { .. } => {
                let was_said = self.last.take();
                was_said.map(|_| String::from("the service answers again"))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unanswered(silent: u64) -> Progress {
        let json = format!(
            r#"{{"event":"unanswered","id":"QRY_1","kind":"unreachable","status":503,"silent":{{"secs":{silent},"nanos":0}}}}"#
        );
        serde_json::from_str(&json).unwrap()
    }

    #[test]
    fn a_silence_is_said_after_10_s_and_then_each_minute_and_its_end_once() {
        let mut silence = Silence::default();
        let said: Vec<u64> = (1..=150)
            .filter(|second| silence.hear(&unanswered(*second)).is_some())
            .collect();
        assert_eq!(said, [10, 70, 130]);
        let answered: Progress = serde_json::from_str(
            r#"{"event":"polled","id":"QRY_1","status":"Processing","polls":3,"elapsed":{"secs":8,"nanos":0}}"#,
        )
        .unwrap();
        let ended = silence.hear(&answered);
        assert_eq!(ended.as_deref(), Some("the service answers again"));
        assert_eq!(silence.hear(&answered), None);
        assert_eq!(silence.hear(&unanswered(9)), None);
        assert_eq!(
            silence.hear(&unanswered(32)).as_deref(),
            Some("no answer for 32 s (503), still trying; the job goes on")
        );
    }
}

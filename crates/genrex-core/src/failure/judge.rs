use std::collections::HashMap;
use std::time::Duration;

use super::verdict::Next;
use super::{Class, Tries};
use crate::ErrorKind;
use crate::transport::{Moment, Now};

/// What one operation has come to so far, counted: what the table's verdicts are held against.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    /// Tries that failed, of all classes.
    failures: u32,
    /// Failures of one class, with nothing between them.
    in_a_row: Option<(Class, u32)>,
    /// Redirects that were followed since the last fresh link.
    hops: u32,
    /// Fresh links that were asked for, by the kind of error that each was to mend.
    links: HashMap<ErrorKind, u32>,
    has_corrected: bool,
    /// When the job was accepted, where that was in this process.
    accepted_at: Option<Moment>,
}

/// What follows from a verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Follows {
    /// It is no failure.
    Accepted,
    /// It is over; the error's kind.
    Over(ErrorKind),
    /// Again, from where it stands.
    Again,
    /// Again from zero.
    FromZero,
    /// To where it points.
    Redirect,
    /// To a fresh link, which is to be asked for.
    FreshLink,
    /// Again, when this machine has what it lacked.
    WaitOut,
    /// Once more, if the answer shows that the clock is off.
    CorrectClock,
}

impl Counters {
    /// Of an operation on a job that was accepted then.
    pub(crate) fn since(accepted_at: Option<Moment>) -> Self {
        Self {
            accepted_at,
            ..Self::default()
        }
    }

    /// What follows from this verdict on a failure of this class: the one interpreter of the table.
    pub(crate) fn judge(&mut self, verdict: impl Into<Next>, class: Class, now: Now) -> Follows {
        match verdict.into() {
            Next::Accept => Follows::Accepted,
            Next::Over(kind) => Follows::Over(kind),
            Next::Again(Tries::Uncounted, _) => Follows::WaitOut,
            Next::Again(tries, kind) => self.again(tries, class, Follows::Again, kind),
            Next::AgainInGrace(grace, ..) if self.is_in_grace(grace, now) => Follows::Again,
            Next::AgainInGrace(_, tries, kind) => self.again(tries, class, Follows::Again, kind),
            Next::FromZero(tries, kind) => self.again(tries, class, Follows::FromZero, kind),
            Next::Redirect(most, kind) => {
                let is_left = within(&mut self.hops, most);
                if is_left {
                    Follows::Redirect
                } else {
                    Follows::Over(kind)
                }
            }
            Next::FreshLink(most, kind) => self.fresh_link(most, kind),
            Next::CorrectClock if self.has_corrected => Follows::Over(ErrorKind::Credentials),
            Next::CorrectClock => {
                self.has_corrected = true;
                Follows::CorrectClock
            }
        }
    }

    /// It was answered: what failed before is no longer in a row.
    pub(crate) const fn went_well(&mut self) {
        self.in_a_row = None;
    }

    /// Whether a fresh link was asked for to mend an error of this kind.
    pub(crate) fn has_renewed_after(&self, kind: ErrorKind) -> bool {
        self.links.contains_key(&kind)
    }

    fn again(&mut self, tries: Tries, class: Class, follows: Follows, kind: ErrorKind) -> Follows {
        self.failures = self.failures.saturating_add(1);
        let before = self.in_a_row.filter(|(of, _)| *of == class);
        let in_a_row = before.map_or(1, |(_, count)| count.saturating_add(1));
        self.in_a_row = Some((class, in_a_row));
        let is_left = match tries {
            Tries::Most(most) => self.failures < most,
            Tries::InARow(most) => in_a_row < most,
            Tries::ToDeadline | Tries::Uncounted => true,
        };
        if is_left {
            follows
        } else {
            Follows::Over(kind)
        }
    }

    fn is_in_grace(&self, grace: Duration, now: Now) -> bool {
        let accepted_at = self.accepted_at;
        accepted_at.is_some_and(|at| now.moment.since(at) < grace)
    }

    fn fresh_link(&mut self, most: u32, kind: ErrorKind) -> Follows {
        self.hops = 0;
        let links = self.links.entry(kind).or_default();
        if within(links, most) {
            Follows::FreshLink
        } else {
            Follows::Over(kind)
        }
    }
}

/// Counts one more, if there may be one.
const fn within(count: &mut u32, most: u32) -> bool {
    let is_left = *count < most;
    if is_left {
        *count += 1;
    }
    is_left
}

#[cfg(test)]
mod tests {
    use genrex_sign::UnixMillis;

    use super::*;
    use crate::failure::{Download, download, paid, retrieve};

    fn at(seconds: u64) -> Now {
        Now {
            moment: Moment::new(Duration::from_secs(seconds)),
            wall: UnixMillis::new(0),
        }
    }

    /// How often in all something is done that always fails so.
    fn times(judge: impl FnMut() -> Follows) -> usize {
        let again = std::iter::repeat_with(judge)
            .take_while(|follows| !matches!(follows, Follows::Over(_)));
        again.take(100).count() + 1
    }

    #[test]
    fn tries_are_counted_in_all_or_in_a_row_as_the_table_says() {
        let mut counters = Counters::default();
        assert_eq!(
            times(|| counters.judge(paid(Class::NeverLeft), Class::NeverLeft, at(0))),
            4
        );
        let mut counters = Counters::default();
        assert_eq!(
            times(|| counters.judge(retrieve(Class::Lost), Class::Lost, at(0))),
            101
        );
        // What this machine lacked counts for nothing.
        let mut counters = Counters::default();
        let mut judge = |class| counters.judge(paid(class), class, at(0));
        assert!((0..100).all(|_| judge(Class::NoDescriptor) == Follows::WaitOut));
        assert_eq!(times(|| judge(Class::NeverLeft)), 4);
        // They are over, whatever class the last one is of.
        let mut counters = Counters::default();
        assert_eq!(
            times(|| counters.judge(paid(Class::NeverLeft), Class::NeverLeft, at(0))),
            4
        );
        assert_eq!(
            counters.judge(paid(Class::Later), Class::Later, at(0)),
            Follows::Over(ErrorKind::RateLimited)
        );
        let unreadable = |counters: &mut Counters| {
            counters.judge(retrieve(Class::Unreadable), Class::Unreadable, at(0))
        };
        assert_eq!(times(|| unreadable(&mut counters)), 5);
        counters.went_well();
        assert_eq!(times(|| unreadable(&mut counters)), 5);
    }

    #[test]
    fn a_job_may_be_unknown_for_thirty_seconds_and_then_three_times() {
        let unknown = |counters: &mut Counters, seconds| {
            counters.judge(retrieve(Class::NotFound), Class::NotFound, at(seconds))
        };
        let mut counters = Counters::since(Some(at(100).moment));
        for second in 100..130 {
            assert_eq!(unknown(&mut counters, second), Follows::Again);
        }
        assert_eq!(times(|| unknown(&mut counters, 130)), 3);
        let mut counters = Counters::default();
        assert_eq!(times(|| unknown(&mut counters, 0)), 3);
    }

    #[test]
    fn links_and_redirects_end() {
        let mut counters = Counters::default();
        let mut judge = |class| counters.judge(download(class), class, at(0));
        assert_eq!(times(|| judge(Class::Redirect)), 6);
        assert_eq!(times(|| judge(Class::NotFound)), 4);
        // A fresh link may redirect as often again.
        assert_eq!(times(|| judge(Class::Redirect)), 6);
        assert_eq!(times(|| judge(Class::NotAudio)), 2);
        assert!(counters.has_renewed_after(ErrorKind::InvalidAudio));
        assert!(matches!(download(Class::Redirect), Download::Follow(5, _)));
    }

    #[test]
    fn a_clock_is_corrected_once() {
        let mut counters = Counters::default();
        let mut judge = || counters.judge(paid(Class::Unauthorized), Class::Unauthorized, at(0));
        assert_eq!(judge(), Follows::CorrectClock);
        assert_eq!(judge(), Follows::Over(ErrorKind::Credentials));
    }
}

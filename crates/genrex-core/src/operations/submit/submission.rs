use genrex_ledger::{Event, Refusal};

use crate::{Error, Job};

/// How a submit ended: one of four ways, and nothing else.
///
/// A submit costs credits and cannot be undone, listed or repeated safely, so what is known of it
/// decides what may be done next. [`into_result`](Self::into_result) is for a caller who goes on only
/// with a job.
#[derive(Debug)]
#[must_use = "an ambiguous submit may have been charged, and an accepted one was"]
pub enum Submission {
    /// The service took the job.
    Accepted(Job),
    /// The service refused it: [`Error::refusal`] says whether for good or for now.
    Refused(Error),
    /// It is proved that the request did not leave: nothing was charged.
    NotSent(Error),
    /// It may have been charged, and was not sent again. The error holds the
    /// [evidence](Error::evidence).
    Ambiguous(Error),
}

impl Submission {
    /// The job, or why there is none.
    ///
    /// # Errors
    ///
    /// What the other three ways hold; [`ErrorKind::Ambiguous`](crate::ErrorKind) is the one that may have cost credits.
    pub fn into_result(self) -> Result<Job, Error> {
        match self {
            Self::Accepted(job) => Ok(job),
            Self::Refused(error) | Self::NotSent(error) | Self::Ambiguous(error) => Err(error),
        }
    }

    /// The service refused it so.
    pub(crate) fn refused(refusal: Refusal, error: Error) -> Self {
        Self::Refused(error.with_refusal(refusal))
    }

    /// What the ledger keeps of it, about the job of this local id.
    pub(crate) fn about(self, local: genrex_ledger::LocalId) -> Self {
        match self {
            Self::Accepted(job) => Self::Accepted(job.kept_as(local)),
            Self::Refused(error) => Self::Refused(error.with_local_id(local)),
            Self::NotSent(error) => Self::NotSent(error.with_local_id(local)),
            Self::Ambiguous(error) => Self::Ambiguous(error.with_local_id(local)),
        }
    }
}

impl Submission {
    /// The same, saying that the ledger could not keep it.
    pub(crate) fn unkept(self, why: &genrex_ledger::Error) -> Self {
        let why = why.to_string();
        match self {
            Self::Accepted(job) => Self::Accepted(job.not_kept(why)),
            Self::Refused(error) => Self::Refused(error.with_ledger_failure(why)),
            Self::NotSent(error) => Self::NotSent(error.with_ledger_failure(why)),
            Self::Ambiguous(error) => Self::Ambiguous(error.with_ledger_failure(why)),
        }
    }
}

impl From<&Submission> for Event {
    /// What a ledger keeps of how a submit ended.
    fn from(submission: &Submission) -> Self {
        match submission {
            Submission::Accepted(job) => Self::Accepted(job.id().clone()),
            Submission::Refused(error) => {
                // One that is not known for what it is is not bought again by itself.
                let refusal = error.refusal().unwrap_or(Refusal::Rejected);
                Self::Refused(refusal, error.in_full())
            }
            Submission::NotSent(error) => Self::NotSent(error.in_full()),
            Submission::Ambiguous(error) => Self::Ambiguous(error.to_string()),
        }
    }
}

//! What is said of what an operation comes to.

use std::time::Duration;

use genrex_async::Progress;

use crate::progress::time::said;

/// Who is to see a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Loudness {
    Detail,
    Note,
    Warning,
}

/// The line that stays when something has come about.
pub(super) fn line_of(progress: &Progress) -> Option<(Loudness, String)> {
    let detail = |text| Some((Loudness::Detail, text));
    let note = |text| Some((Loudness::Note, text));
    let warning = |text| Some((Loudness::Warning, text));
    match progress {
        Progress::Accepted { id, .. } => note(format!("accepted {id}")),
        Progress::Salvaged { id, .. } => note(format!(
            "the answer broke off, but held {id}; asking after it"
        )),
        Progress::Polled {
            status,
            polls,
            elapsed,
            ..
        } => {
            let seconds = elapsed.as_secs_f64();
            detail(format!("{status}, asked {polls} times in {seconds:.0} s"))
        }
        Progress::Unanswered { silent, .. } => {
            let why = why_unanswered(progress)?;
            detail(format!("no answer for {} ({why})", said(*silent)))
        }
        Progress::UnknownStatus { status, .. } => warning(format!(
            "the service says {status}, which this version does not know; waiting on"
        )),
        Progress::Retrying { .. } => detail(retrying(progress)?),
        Progress::ClockCorrected { offset_millis, .. } => {
            let seconds = Duration::from_millis(offset_millis.unsigned_abs()).as_secs();
            let how = if *offset_millis < 0 { "fast" } else { "slow" };
            warning(format!(
                "this machine's clock is {seconds} s {how}; signing by the service's clock"
            ))
        }
        Progress::FreshLink { .. } => detail(String::from(
            "the link does not work; asking for a fresh one",
        )),
        Progress::WaitingForPrice { job, .. } => {
            let job = job.map_or_else(String::new, |job| format!(" (job {job})"));
            note(format!(
                "a limit is set, and what an earlier piece cost{job} has to show first; waiting for it"
            ))
        }
        Progress::PriceUnknown { duration } => warning(format!(
            "what {duration} s cost is not known yet; this piece goes alone to show it, and may pass the limit; \
             [limits] per_job bounds a piece: genrex help money"
        )),
        Progress::NotKept { message, .. } => {
            warning(format!("{message}; the job itself is not harmed"))
        }
        Progress::StartedOver => detail(String::from(
            "the audio has changed; starting again from zero",
        )),
        _ => None,
    }
}

/// What failed, and when it is tried again.
pub(super) fn retrying(progress: &Progress) -> Option<String> {
    match progress {
        Progress::Retrying {
            kind,
            delay,
            attempts,
            ..
        } => {
            let seconds = delay.as_secs_f64();
            Some(format!(
                "{kind} (try {attempts}); trying again in {seconds:.1} s"
            ))
        }
        _ => None,
    }
}

/// What was seen in place of an answer: a status, or what hindered it.
pub(super) fn why_unanswered(progress: &Progress) -> Option<String> {
    match progress {
        Progress::Unanswered {
            status: Some(status),
            ..
        } => Some(status.to_string()),
        Progress::Unanswered { kind, .. } => Some(kind.to_string()),
        _ => None,
    }
}

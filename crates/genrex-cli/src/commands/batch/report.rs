use genrex_ledger::{Reconciliation, State};
use serde::Serialize;

use crate::commands::batch::rows::Source;
use crate::commands::batch::runner::{Runner, Stop};
use crate::failure::{Code, Failure};
use crate::output::Output;

/// Where every row of a batch stands, read from the ledger: the numbers add up to `planned`.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Report {
    planned: u64,
    downloaded: u64,
    /// Ready at the service, or being made there: paid for, and to be fetched.
    open: u64,
    failed: u64,
    refused: u64,
    not_sent: u64,
    ambiguous: Ambiguous,
    /// Never tried so far.
    not_started: u64,
}

#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Ambiguous {
    charged: u64,
    not_charged: u64,
    unclear: u64,
}

impl Report {
    pub(crate) async fn of(source: &Source, runner: &Runner) -> Result<Self, Failure> {
        let mut report = Self::default();
        for row in source.rows()? {
            report.planned += 1;
            let entry = runner.newest(&row?).await?;
            let count = match entry.map(|entry| (entry.state, entry.reconciliation)) {
                None => &mut report.not_started,
                Some((State::Downloaded, _)) => &mut report.downloaded,
                Some((State::Accepted | State::Completed, _)) => &mut report.open,
                Some((State::Failed, _)) => &mut report.failed,
                Some((State::Refused, _)) => &mut report.refused,
                Some((State::NotSent, _)) => &mut report.not_sent,
                Some((State::Ambiguous, Some(Reconciliation::Charged))) => {
                    &mut report.ambiguous.charged
                }
                Some((State::Ambiguous, Some(Reconciliation::NotCharged))) => {
                    &mut report.ambiguous.not_charged
                }
                // In flight too: what another process is sending, or what was given up.
                Some((State::Ambiguous | State::Intended | State::Sent, _)) => {
                    &mut report.ambiguous.unclear
                }
            };
            *count += 1;
        }
        Ok(report)
    }

    /// Shows it on standard error: standard output has a line a job.
    pub(crate) fn show(&self, credits_moved: Option<u64>, output: &Output) -> Result<(), Failure> {
        let mut document = serde_json::to_value(self)
            .map_err(|error| Failure::other("the report cannot be written").with_source(&error))?;
        document["creditsMoved"] = credits_moved.into();
        output.aside(&serde_json::json!({"report": document}))?;
        let Self {
            planned,
            downloaded,
            open,
            failed,
            refused,
            not_sent,
            ambiguous,
            not_started,
        } = self;
        let Ambiguous {
            charged,
            not_charged,
            unclear,
        } = ambiguous;
        output.note(format_args!(
            "{planned} planned: {downloaded} downloaded, {open} paid for and still to fetch, {failed} failed, {refused} \
             refused, {not_sent} not sent, {not_started} not started"
        ));
        if charged + not_charged + unclear > 0 {
            output.note(format_args!(
                "ambiguous: {charged} charged, {not_charged} not charged, {unclear} unclear (genrex jobs recover)"
            ));
        }
        if let Some(moved) = credits_moved {
            output.note(format_args!("{moved} credits moved"));
        }
        Ok(())
    }

    /// How the command ends.
    pub(crate) fn verdict(&self, stopped: Option<Stop>) -> Result<(), Failure> {
        let again = "run the same command again to go on";
        let ambiguous =
            self.ambiguous.charged + self.ambiguous.unclear + self.ambiguous.not_charged;
        let end = |code, kind, message: String| Err(Failure::new(code, kind, message).hint(again));
        match stopped {
            Some(Stop::Interrupted) => end(
                Code::Interrupted,
                "interrupted",
                String::from("interrupted"),
            ),
            Some(Stop::Credentials) => end(
                Code::Credentials,
                "credentials",
                String::from("the service refused the signature; nothing more was sent"),
            ),
            Some(Stop::OutOfCredit) => end(
                Code::OutOfCredit,
                "outOfCredit",
                String::from(
                    "the account has not enough credit for the next row; nothing more was sent",
                ),
            ),
            Some(Stop::OverLimit(message)) => end(Code::OutOfCredit, "overLimit", message),
            Some(Stop::Ledger(message)) => end(Code::Other, "ledger", message),
            _ if ambiguous > 0 => Err(Failure::new(
                Code::Ambiguous,
                "ambiguous",
                format!("{ambiguous} submits may have been charged; none is sent again on its own"),
            )
            .hint("genrex jobs recover says what to do about each")),
            _ if self.failed > 0 => Err(Failure::new(
                Code::GenerationFailed,
                "generationFailed",
                format!(
                    "{} of {} generations failed, the service says",
                    self.failed, self.planned
                ),
            )
            .hint("--retry-failed buys them again")),
            _ if self.downloaded < self.planned => {
                let message = format!("{} of {} are here", self.downloaded, self.planned);
                end(Code::Other, "incomplete", message)
            }
            _ => Ok(()),
        }
    }
}

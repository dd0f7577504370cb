use genrex_async::core::{RowPlace, is_to_be_settled};
use genrex_ledger::LocalId;
use serde::Serialize;

use crate::command_error::{Code, CommandError};
use crate::commands::batch::rows::Source;
use crate::commands::batch::runner::{Runner, StopReason};
use crate::output::Output;
use crate::typed;

/// Where every row of a batch stands, by the ledger and by what is in its place: the numbers add up to `planned`.
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
    /// Another process has it.
    elsewhere: u64,
    /// What this process has done of the whole.
    own: Own,
    /// Those of the ambiguous that nobody has settled.
    #[serde(skip)]
    unsettled: u64,
    /// The first of these.
    #[serde(skip)]
    first_unsettled: Option<LocalId>,
    /// What is to be said of rows that another batch has bought, and what leads out.
    #[serde(skip)]
    other_batch: Option<(String, String)>,
    /// Downloaded before, and not in their place: they are counted as open, or elsewhere.
    #[serde(skip)]
    not_here: u64,
    /// Whether there was audio that the disk did not take.
    #[serde(skip)]
    is_not_stored: bool,
    /// Whether other machines may have had a part in it.
    #[serde(skip)]
    is_shared: bool,
}

/// It is no part of the sum: what one process bought another may have downloaded.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Own {
    bought: u64,
    downloaded: u64,
}

#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Ambiguous {
    charged: u64,
    not_charged: u64,
    unclear: u64,
}

impl Report {
    pub(crate) async fn of(source: &Source, runner: &Runner) -> Result<Self, CommandError> {
        let mut report = Self::default();
        for row in source.rows()? {
            let row = row?;
            report.planned += 1;
            let newest = runner.kept.newest(&row).await?;
            let newest = newest.as_ref();
            let place = runner.place(&row, newest).await;
            *report.count(place) += 1;
            let was_here = RowPlace::of(newest) == RowPlace::Downloaded;
            report.not_here += u64::from(was_here && place != RowPlace::Downloaded);
            if newest.is_some_and(is_to_be_settled) || place == RowPlace::Unclear {
                report.unsettled += 1;
                let job = newest.map(|entry| entry.id);
                report.first_unsettled = report.first_unsettled.or(job);
            }
        }
        let ending = "they were not sent";
        report.other_batch = runner.other_batch.refusal(&runner.out, ending);
        report.is_not_stored = runner.is_not_stored();
        let (bought, downloaded) = runner.part();
        report.own = Own { bought, downloaded };
        report.is_shared = runner.is_shared;
        Ok(report)
    }

    const fn count(&mut self, place: RowPlace) -> &mut u64 {
        match place {
            RowPlace::NotStarted => &mut self.not_started,
            RowPlace::Downloaded => &mut self.downloaded,
            RowPlace::Open => &mut self.open,
            RowPlace::Failed => &mut self.failed,
            RowPlace::Refused => &mut self.refused,
            RowPlace::NotSent => &mut self.not_sent,
            RowPlace::Charged => &mut self.ambiguous.charged,
            RowPlace::NotCharged => &mut self.ambiguous.not_charged,
            RowPlace::Unclear => &mut self.ambiguous.unclear,
            RowPlace::Elsewhere => &mut self.elsewhere,
        }
    }

    /// Shows it on standard error: standard output has a line a job.
    pub(crate) fn show(
        &self,
        credits_moved: Option<u64>,
        output: &Output,
    ) -> Result<(), CommandError> {
        let mut document = serde_json::to_value(self).map_err(|error| {
            CommandError::other("the report cannot be written").with_source(&error)
        })?;
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
            elsewhere,
            own,
            unsettled: _,
            first_unsettled: _,
            other_batch: _,
            not_here: _,
            is_not_stored: _,
            is_shared,
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
        if *elsewhere > 0 {
            output.note(format_args!(
                "{elsewhere} on another machine, or in another process"
            ));
        }
        if *is_shared {
            let Own { bought, downloaded } = own;
            output.note(format_args!(
                "of these, this process bought {bought} and downloaded {downloaded}"
            ));
        }
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
    pub(crate) fn verdict(&self, stopped: Option<StopReason>) -> Result<(), CommandError> {
        match stopped {
            Some(StopReason::Interrupted) if self.unsettled > 0 => {
                Err(self.ambiguous("interrupted; "))
            }
            // An interrupt that came when all was on its way has ended nothing.
            Some(StopReason::Interrupted) if self.is_left() => {
                Err(CommandError::new(Code::Interrupted, "interrupted", "interrupted").hint(AGAIN))
            }
            Some(StopReason::Credentials(hint)) => {
                let message = "the service refused the signature; nothing more was sent";
                Err(CommandError::credentials(message).hint(hint))
            }
            Some(StopReason::OutOfCredit(hint)) => {
                let message =
                    "the account has not enough credit for the next row; nothing more was sent";
                let failure = CommandError::new(Code::OutOfCredit, "outOfCredit", message);
                Err(failure.hint(format!(
                    "with more credit the same command goes on, and not before. {hint}"
                )))
            }
            Some(StopReason::OverLimit(message, hint)) => {
                Err(CommandError::new(Code::OutOfCredit, "overLimit", message).hint(hint))
            }
            Some(StopReason::PriceUnknown(message, when)) => {
                Err(CommandError::new(Code::OutOfCredit, "priceUnknown", message).hint(when))
            }
            Some(StopReason::Ledger(message)) => {
                Err(CommandError::new(Code::Other, "ledger", message).hint(AGAIN))
            }
            Some(StopReason::Interrupted | StopReason::Ambiguous) | None => self.end(),
        }
    }

    /// How it ends when nothing stopped it.
    fn end(&self) -> Result<(), CommandError> {
        if self.unsettled > 0 {
            return Err(self.ambiguous(""));
        }
        if let Some((message, hint)) = &self.other_batch {
            return Err(CommandError::usage(message.clone()).hint(hint.clone()));
        }
        if self.failed > 0 {
            let message = format!(
                "{} of {} generations failed, the service says",
                self.failed, self.planned
            );
            return Err(
                CommandError::new(Code::GenerationFailed, "generationFailed", message)
                    .hint("--retry-failed buys them again"),
            );
        }
        if self.downloaded == self.planned {
            return Ok(());
        }
        let message = format!("{} of {} are here", self.downloaded, self.planned);
        if self.elsewhere > 0 {
            let message = format!("{message}, and another genrex has {}", self.elsewhere);
            return Err(CommandError::new(Code::Deadline, "elsewhere", message).hint(AGAIN));
        }
        let hint = match self.ambiguous.charged {
            0 if self.is_not_stored => String::from(
                "make room on the disk, free the names that are taken, or see to the object store, as the line of each says; \
                 then run the same command again: what is paid for is downloaded then, and not bought again",
            ),
            0 if self.not_here > 0 => format!(
                "{} were downloaded before, and are not where they were put: put them back, or {AGAIN}; the line of each \
                 says why it could not be fetched",
                self.not_here
            ),
            0 => String::from(AGAIN),
            lost => format!(
                "{lost} were charged and are lost, as somebody has settled: --retry-failed buys them again"
            ),
        };
        Err(CommandError::new(Code::Other, "incomplete", message).hint(hint))
    }

    /// Whether the same command would do more.
    const fn is_left(&self) -> bool {
        self.open + self.refused + self.not_sent + self.not_started + self.elsewhere > 0
    }

    fn ambiguous(&self, before: &str) -> CommandError {
        let count = self.unsettled;
        let message =
            format!("{before}{count} submits may have been charged; none is sent again on its own");
        let hint = match self.first_unsettled {
            Some(job) if count == 1 => {
                format!("find out: genrex jobs reconcile {job}{}", typed::flags())
            }
            _ => String::from("what to do about each: genrex jobs recover"),
        };
        CommandError::new(Code::Ambiguous, "ambiguous", message).hint(hint)
    }
}

const AGAIN: &str = "run the same command again to go on";

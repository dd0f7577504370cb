use genrex_ledger::{self as ledger, Event, LocalId};

use super::{Download, Downloaded, State};
use crate::Progress;
use crate::job::find::Find;
use crate::machine::{Keep, Kept, Step};

/// Has the ledger keep what was downloaded. The file is there, so a ledger that cannot keep it changes nothing of
/// the result; whoever watches is told.
impl Download {
    pub(super) fn committed(&mut self) {
        self.retries.succeeded(&self.session);
        let downloaded = std::mem::take(&mut self.received).into_downloaded();
        self.state = match (&self.destination, self.audio.local_id()) {
            (None, _) => State::done(downloaded),
            (Some(_), Some(local)) => State::Keeping(local, downloaded),
            (Some(_), None) => {
                let find = Find::new(&self.session, self.audio.job().clone());
                State::Finding(find, downloaded)
            }
        };
    }

    pub(super) fn found(
        &mut self,
        downloaded: Downloaded,
        found: Result<Option<LocalId>, ledger::Error>,
    ) {
        self.state = match found {
            Ok(Some(local)) => State::Keeping(local, downloaded),
            // It was bought elsewhere.
            Ok(None) => State::done(downloaded),
            Err(error) => {
                self.reports.push_back(Progress::not_kept(None, &error));
                State::done(downloaded)
            }
        };
    }

    pub(super) fn kept(
        &mut self,
        local: LocalId,
        downloaded: Downloaded,
        answer: Result<Kept, ledger::Error>,
    ) {
        if let Err(error) = answer {
            self.reports
                .push_back(Progress::not_kept(Some(local), &error));
        }
        self.state = State::done(downloaded);
    }
}

impl State {
    fn done(downloaded: Downloaded) -> Self {
        Self::Done(Some(Box::new(Ok(downloaded))))
    }
}

/// That this is where the job's audio is.
pub(super) fn step<T>(local: LocalId, path: String, downloaded: &Downloaded) -> Step<T> {
    let event = Event::Downloaded {
        path,
        bytes: downloaded.bytes,
        sha256: downloaded.sha256.to_string(),
    };
    Step::keep(Keep::Event(local, event))
}

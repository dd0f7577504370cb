use std::sync::Arc;

use genrex_proto::{Generation, RetrieveRequest, Status};
use http::header::LOCATION;
use http::response::Parts;

use super::asset_url::AssetUrl;
use super::received::Received;
use super::{Download, State, Then, unexpected};
use crate::operations::call::SignedCall;
use crate::{ErrorKind, Progress, Track};

/// Where it is asked for next: behind a redirect, or behind a fresh link.
impl Download {
    pub(super) fn redirected(&mut self, head: &Parts) {
        let location = head.headers.get(LOCATION).and_then(|to| to.to_str().ok());
        let (Some(location), Some(url)) = (location, &self.url) else {
            return self.over(unexpected("the storage redirects to nowhere"));
        };
        match url.redirected(location, self.session.base().address_policy()) {
            Ok(target) => {
                self.url = Some(target);
                self.state = State::Due(None);
            }
            Err(error) => self.over(error),
        }
    }

    /// Asks the service for a fresh link.
    pub(super) fn renew(&mut self) {
        let id = self.audio.job().clone();
        let request = RetrieveRequest::new(id.clone());
        let call = SignedCall::new(Arc::clone(&self.session), &request, self.terms);
        self.reports.push_back(Progress::FreshLink { id });
        self.state = State::Renewing(Box::new(call));
    }

    pub(super) fn renewed(&mut self, generation: Generation) {
        let policy = self.session.base().address_policy();
        if generation.id != *self.audio.job() || generation.status != Status::Completed {
            let message =
                "the answer with the fresh link is about another job, or one that is not completed";
            return self.over(unexpected(message));
        }
        let track = Track::new(generation, policy);
        let url = track.and_then(|track| {
            let gone = || unexpected("the job's answer no longer holds this link");
            let asset = track.assets().get(self.audio.index()).ok_or_else(gone)?;
            AssetUrl::new(asset.url(), policy)
        });
        match url {
            Ok(url) => {
                self.url = Some(url);
                let was_no_audio = self.counters.has_renewed_after(ErrorKind::InvalidAudio);
                if self.received.bytes > 0 && was_no_audio {
                    self.received = Received::default();
                    self.reports.push_back(Progress::StartedOver);
                    self.state = State::Restarting(Then::AskAgain(None));
                } else {
                    self.ask_again(None);
                }
            }
            Err(error) => self.over(error),
        }
    }
}

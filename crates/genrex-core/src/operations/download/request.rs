use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, IF_RANGE, RANGE, USER_AGENT};
use http::{HeaderMap, HeaderValue, Request};

use super::{Download, State, unexpected};
use crate::machine::{Machine, Outgoing, Step};
use crate::session::AGENT;
use crate::transport::{Now, Route, SendOptions};

impl Download {
    pub(super) fn send(&mut self, now: Now) -> Step<<Self as Machine>::Output> {
        let Some(url) = &self.url else {
            return Step::Done(Err(unexpected("there is no link")));
        };
        let mut headers = HeaderMap::new();
        let kinds = HeaderValue::from_static("audio/wav, audio/*;q=0.9, */*;q=0.1");
        headers.insert(ACCEPT, kinds);
        headers.insert(USER_AGENT, AGENT);
        if let Some((range, etag)) = self.received.rest(url) {
            headers.insert(RANGE, range);
            headers.insert(IF_RANGE, etag);
        }
        let mut request = Request::new(Bytes::new());
        *request.uri_mut() = url.uri().clone();
        *request.headers_mut() = headers;
        self.state = State::AwaitingHead;
        self.sent += 1;
        self.has_slot = false;
        let timeouts = self.terms.settings.timeouts;
        let policy = self.session.base().address_policy();
        Step::Send(Box::new(Outgoing {
            request,
            options: SendOptions::new(Route::Asset, self.time_left(now), policy)
                .connect_within(timeouts.connect)
                .idle_within(timeouts.answer),
            resend_count: self.sent - 1,
            keeps_slot: false,
        }))
    }

    pub(super) const fn time_left(&self, now: Now) -> Duration {
        self.until.since(now.moment)
    }
}

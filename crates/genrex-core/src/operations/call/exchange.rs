use std::fmt;

use bytes::{Bytes, BytesMut};
use genrex_proto::Excerpt;
use http::header::CONTENT_LENGTH;
use http::response::Parts;

use crate::machine::Outcome;
use crate::transport::{TransportError, TransportErrorKind};

/// What was seen of one exchange, from the send to the body's end.
pub(crate) enum Answer {
    /// No head came.
    Failed(TransportError),
    /// A head came and the body broke off.
    Cut {
        head: Box<Parts>,
        body: Bytes,
        error: TransportError,
    },
    /// The body was longer than it may be; the rest was not read.
    TooLarge { head: Box<Parts>, body: Bytes },
    /// The whole answer. Of a refusal, the first 4 KiB.
    Whole { head: Box<Parts>, body: Bytes },
}

impl Answer {
    pub(crate) fn head(&self) -> Option<&Parts> {
        match self {
            Self::Failed(_) => None,
            Self::Cut { head, .. } | Self::TooLarge { head, .. } | Self::Whole { head, .. } => {
                Some(head)
            }
        }
    }

    pub(crate) fn status(&self) -> Option<u16> {
        self.head().map(|head| head.status.as_u16())
    }

    pub(crate) fn body(&self) -> Option<&Bytes> {
        match self {
            Self::Failed(_) => None,
            Self::Cut { body, .. } | Self::TooLarge { body, .. } | Self::Whole { body, .. } => {
                Some(body)
            }
        }
    }

    pub(crate) fn error(&self) -> Option<&TransportError> {
        match self {
            Self::Failed(error) | Self::Cut { error, .. } => Some(error),
            Self::TooLarge { .. } | Self::Whole { .. } => None,
        }
    }
}

impl fmt::Debug for Answer {
    /// Without headers and body: a `Location` and a body may hold links.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer")
            .field("status", &self.status())
            .field("body_length", &self.body().map(Bytes::len))
            .field("error", &self.error())
            .finish_non_exhaustive()
    }
}

/// Collects a small answer, of JSON, within a cap.
#[derive(Default)]
pub(crate) struct Exchange {
    head: Option<Box<Parts>>,
    body: BytesMut,
}

impl Exchange {
    /// The largest answer that is read: 1 MiB.
    const CAP: usize = 1 << 20;

    /// Takes the next outcome of a step; `Some` when the exchange is over, `None` when more is to be read.
    pub(crate) fn receive(&mut self, outcome: Outcome) -> Option<Answer> {
        match (outcome, self.head.take()) {
            (Outcome::Head(head), _) => {
                self.body.clear();
                self.head = Some(head);
                None
            }
            (Outcome::Chunk(chunk), Some(head)) => self.chunk(&chunk, head),
            (Outcome::End, Some(head)) => Some(self.answered(head)),
            (Outcome::ReadFailed(error), Some(head)) => Some(Answer::Cut {
                head,
                body: self.taken(),
                error,
            }),
            (Outcome::SendFailed(error), _) => Some(Answer::Failed(error)),
            // It is on its way already: that it did not leave is not proved.
            (Outcome::Cancelled(cancelled), _) => Some(Answer::Failed(
                TransportError::with_source(TransportErrorKind::Abandoned, cancelled),
            )),
            (
                Outcome::Slot
                | Outcome::Chunk(_)
                | Outcome::End
                | Outcome::ReadFailed(_)
                | Outcome::Slept
                | Outcome::Stored
                | Outcome::StoreFailed(_)
                | Outcome::Kept(_),
                _,
            ) => Some(Answer::Failed(TransportError::new(
                TransportErrorKind::Other,
            ))),
        }
    }

    /// What of a success has come so far.
    pub(crate) fn so_far(&self) -> Option<&[u8]> {
        let head = self.head.as_ref()?;
        head.status.is_success().then_some(&self.body[..])
    }

    /// Ends a success whose announced length is here, without reading on to its end.
    pub(crate) fn end_if_whole(&mut self) -> Option<Answer> {
        let head = self.head.as_ref()?;
        let length = head.headers.get(CONTENT_LENGTH)?.to_str().ok()?;
        let is_whole = length.parse() == Ok(self.body.len()) && head.status.is_success();
        let head = self.head.take_if(|_| is_whole)?;
        Some(self.answered(head))
    }

    fn chunk(&mut self, chunk: &[u8], head: Box<Parts>) -> Option<Answer> {
        let success = head.status.is_success();
        let cap = if success { Self::CAP } else { Excerpt::LIMIT };
        let room = cap.saturating_sub(self.body.len());
        self.body.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if chunk.len() <= room {
            self.head = Some(head);
            None
        } else if success {
            Some(Answer::TooLarge {
                head,
                body: self.taken(),
            })
        } else {
            Some(self.answered(head))
        }
    }

    fn answered(&mut self, head: Box<Parts>) -> Answer {
        Answer::Whole {
            head,
            body: self.taken(),
        }
    }

    fn taken(&mut self) -> Bytes {
        std::mem::take(&mut self.body).freeze()
    }
}

impl fmt::Debug for Exchange {
    /// As little as an answer's.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exchange")
            .field("status", &self.head.as_ref().map(|head| head.status))
            .field("body_length", &self.body.len())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(status: u16) -> Outcome {
        let mut head = http::Response::new(());
        *head.status_mut() = http::StatusCode::from_u16(status).unwrap();
        Outcome::Head(Box::new(head.into_parts().0))
    }

    #[test]
    fn debug_shows_neither_headers_nor_bytes() {
        let link = "https://a.example/1.wav?Signature=s3cr3t";
        let mut head = http::Response::new(());
        *head.status_mut() = http::StatusCode::FOUND;
        head.headers_mut()
            .insert(http::header::LOCATION, link.parse().unwrap());
        let head = Box::new(head.into_parts().0);
        let request = http::Request::get(link)
            .header("gx-signature", "s3cr3t")
            .body(Bytes::from(link))
            .unwrap();
        let policy = crate::AddressPolicy::Any;
        let total = std::time::Duration::from_secs(1);
        let outgoing = crate::machine::Outgoing {
            request,
            options: crate::SendOptions::new(crate::Route::Paid, total, policy),
            resend_count: 0,
            keeps_slot: false,
        };
        let mut exchange = Exchange::default();
        let mut shown = format!("{outgoing:?}");
        for told in [Outcome::Head(head), Outcome::Chunk(Bytes::from(link))] {
            shown += &format!("{told:?}");
            assert!(exchange.receive(told).is_none());
            shown += &format!("{exchange:?}");
        }
        shown += &format!("{:?}", exchange.receive(Outcome::End).unwrap());
        assert!(!shown.contains("s3cr3t"), "{shown}");
        assert!(shown.contains("https://a.example/1.wav"), "{shown}");
        assert!(shown.contains("302") && shown.contains("40"), "{shown}");
    }

    /// Nobody asks for it, but if it is told of a request that is on its way, that one may have left.
    #[test]
    fn what_is_cut_short_on_its_way_may_have_left() {
        for begun in [false, true] {
            let mut exchange = Exchange::default();
            if begun {
                assert!(exchange.receive(head(201)).is_none());
            }
            let told = Outcome::Cancelled(crate::transport::Cancelled);
            let Some(Answer::Failed(error)) = exchange.receive(told) else {
                panic!("it goes on");
            };
            assert!(error.kind().may_have_left());
        }
    }

    /// What came under the first head is more than a refusal may be long.
    #[test]
    fn a_second_head_begins_anew() {
        let mut exchange = Exchange::default();
        let long = Bytes::from(vec![b' '; 5 << 10]);
        assert!(exchange.receive(head(200)).is_none());
        assert!(exchange.receive(Outcome::Chunk(long)).is_none());
        assert!(exchange.receive(head(400)).is_none());
        let chunk = Outcome::Chunk(Bytes::from_static(b"no"));
        assert!(exchange.receive(chunk).is_none());
        let Some(Answer::Whole { head, body }) = exchange.receive(Outcome::End) else {
            panic!("it is not whole");
        };
        assert_eq!((head.status.as_u16(), &body[..]), (400, &b"no"[..]));
    }
}

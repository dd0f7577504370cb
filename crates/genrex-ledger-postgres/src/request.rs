//! What is queued for the ledger's thread, and who awaits it.

use std::time::Duration;

use async_trait::async_trait;
use genrex_ledger::{Change, Error, Event, LocalId};
use tokio::sync::oneshot;

use crate::calls::Call;
use crate::clock;
use crate::failure::{Failure, StorageError};
use crate::session::Kind;
use crate::store::Store;

/// One request.
pub(crate) enum Request {
    Ask(Box<dyn Ask>),
    /// The last handle is gone: what is queued is kept, and nothing more is awaited.
    Close,
}

/// The other end of a request's answer.
pub(crate) type Reply<T> = oneshot::Sender<Result<T, Error>>;

impl Request {
    pub(crate) fn new<C: Call>(call: C, reply: Option<Reply<C::Answer>>) -> Self {
        Self::Ask(Box::new(Asked {
            call,
            done: None,
            reply,
            queued: clock::elapsed(),
            note: None,
        }))
    }
}

/// A [`Call`] of whatever kind, and who awaits it.
#[async_trait]
pub(crate) trait Ask: Send {
    async fn run(&mut self, store: Store<'_>) -> Result<(), Failure>;
    fn kind(&self) -> Kind;
    fn change(&self) -> Option<Change>;
    fn outcome(&self) -> Option<(LocalId, &Event, u64)>;
    /// When it was asked, as [`clock::elapsed`] has it.
    fn queued(&self) -> Duration;
    /// Where its outcome was put aside.
    fn note(&mut self) -> &mut Option<String>;
    /// Tells the caller.
    fn answer(self: Box<Self>, ended: Result<(), Failure>, address: &str);
}

struct Asked<C: Call> {
    call: C,
    done: Option<C::Answer>,
    reply: Option<Reply<C::Answer>>,
    queued: Duration,
    note: Option<String>,
}

#[async_trait]
impl<C: Call> Ask for Asked<C> {
    async fn run(&mut self, store: Store<'_>) -> Result<(), Failure> {
        self.done = Some(self.call.run(store).await?);
        Ok(())
    }

    fn kind(&self) -> Kind {
        self.call.kind()
    }

    fn change(&self) -> Option<Change> {
        self.call.change()
    }

    fn outcome(&self) -> Option<(LocalId, &Event, u64)> {
        self.call.outcome()
    }

    fn queued(&self) -> Duration {
        self.queued
    }

    fn note(&mut self) -> &mut Option<String> {
        &mut self.note
    }

    fn answer(self: Box<Self>, ended: Result<(), Failure>, address: &str) {
        let note = self.note.unwrap_or_default();
        let answer = match (ended, self.done) {
            (Ok(()), Some(mut done)) => {
                self.call.is_kept(&mut done);
                Ok(done)
            }
            (Ok(()), None) => Err(StorageError::away("gave no answer").to_error(address, &note)),
            (Err(failure), _) => Err(failure.into_error(address, &note)),
        };
        if let Some(reply) = self.reply {
            // Whoever asked may have gone.
            let _ = reply.send(answer);
        }
    }
}

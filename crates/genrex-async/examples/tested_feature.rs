//! A feature of a program that buys music, and its tests: no socket, no waiting, no credits.
//!
//! ```text
//! cargo run -p genrex-async --example tested_feature
//! cargo test -p genrex-async --example tested_feature
//! ```

#![expect(clippy::print_stdout, reason = "an example says what it does")]

use std::fs;

use bytes::Bytes;
use genrex_async::{
    Client, Error, GenerateRequest, LocalId, MemoryLedger, Prompt, QueryId, Seconds, Submission,
};

#[path = "support/connect.rs"]
mod connect;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let connection = connect::connect().await?;
    let client = connection.builder.ledger(MemoryLedger::new()).build()?;
    let wav = jingle(&client, "The Morning Show").await?;
    let path = connection.folder.join("jingle.wav");
    fs::create_dir_all(&connection.folder)?;
    fs::write(&path, wav)?;
    println!("{}", path.display());
    Ok(())
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum JingleError {
    #[error("there is no jingle, and none was paid for")]
    NotBought(#[source] Error),
    #[error("the jingle may have been paid for: purchase {0:?} has to be settled first")]
    Unclear(Option<LocalId>),
    #[error("the jingle {0} was paid for, and is not here")]
    NotHere(QueryId, #[source] Error),
}

/// Buys a jingle for a title: five seconds of audio, as a WAVE file.
pub(crate) async fn jingle(client: &Client, title: &str) -> Result<Bytes, JingleError> {
    let request = request(title).map_err(JingleError::NotBought)?;
    let job = match client.submit(&request).await {
        Submission::Accepted(job) => job,
        Submission::Refused(error) | Submission::NotSent(error) => {
            return Err(JingleError::NotBought(error));
        }
        Submission::Ambiguous(error) => return Err(JingleError::Unclear(error.local_id())),
    };
    let not_here = |error| JingleError::NotHere(job.id().clone(), error);
    let track = client.wait(&job).await.map_err(not_here)?;
    client.bytes(track.audio()).await.map_err(not_here)
}

fn request(title: &str) -> Result<GenerateRequest, Error> {
    let prompt = Prompt::new(format!("a short, bright jingle for {title:?}"))?;
    Ok(GenerateRequest::new(prompt, Seconds::new(5)?))
}

#[cfg(test)]
mod tests {
    use genrex_async::core::proto::{Operation as _, RetrieveRequest};
    use genrex_async::core::testing::{Reply, ScriptedTransport, Sent, keys};
    use genrex_async::core::{Route, TransportErrorKind, block_on};
    use genrex_async::{ErrorKind, Ledger as _, Limits, State};

    use super::*;

    /// A service that answers a submit like this, and is well otherwise.
    fn service(submit: fn() -> Reply) -> ScriptedTransport {
        ScriptedTransport::answering(move |sent| match sent.request.uri().path() {
            GenerateRequest::PATH => submit(),
            RetrieveRequest::PATH => Reply::json(
                200,
                r#"{"id":"QRY_1","status":"Completed",
                    "response":[{"content":{"url":"https://storage.example/1.wav"}}]}"#,
            ),
            "/1.wav" => Reply::new(200, wav()),
            _ => Reply::json(
                200,
                r#"{"creditQuota":100,"usedCredit":0,"durationLimit":60}"#,
            ),
        })
    }

    fn accepted() -> Reply {
        Reply::json(201, r#"{"id":"QRY_1","status":"Processing"}"#)
    }

    /// A WAVE file with one sample.
    fn wav() -> &'static [u8] {
        b"RIFF\x26\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\0\x7d\0\0\0\xfa\0\0\x02\0\x10\0data\x02\0\0\0\x01\x02"
    }

    fn client(wire: &ScriptedTransport, ledger: &MemoryLedger, credits_a_day: u64) -> Client {
        let mut limits = Limits::default();
        limits.day = Some(credits_a_day);
        limits.per_job = Some(5);
        let builder = Client::builder().key_pair(keys()).transport(wire.clone());
        let builder = builder.ledger(ledger.clone()).limits(limits);
        builder.build().unwrap()
    }

    fn paid(wire: &ScriptedTransport) -> usize {
        let is_paid = |sent: &Sent| sent.options.route == Route::Paid;
        wire.sent().into_iter().filter(is_paid).count()
    }

    #[test]
    fn a_jingle_is_paid_for_once_and_comes_whole() {
        let wire = service(accepted);
        let client = client(&wire, &MemoryLedger::new(), 10);
        assert_eq!(block_on(jingle(&client, "News")).unwrap(), wav());
        assert_eq!(paid(&wire), 1);
    }

    #[test]
    fn one_that_may_have_been_paid_for_is_not_bought_again() {
        let wire = service(|| Reply::fails(TransportErrorKind::Closed));
        let ledger = MemoryLedger::new();
        let error = block_on(jingle(&client(&wire, &ledger, 10), "News")).unwrap_err();
        let JingleError::Unclear(Some(id)) = error else {
            panic!("{error:?}");
        };
        assert_eq!(paid(&wire), 1);
        let entry = block_on(ledger.entry(id)).unwrap().unwrap();
        assert_eq!(entry.state, State::Ambiguous);
    }

    #[test]
    fn what_the_limits_do_not_allow_is_not_sent() {
        let wire = service(accepted);
        let client = client(&wire, &MemoryLedger::new(), 4);
        let error = block_on(jingle(&client, "News")).unwrap_err();
        assert!(
            matches!(&error, JingleError::NotBought(why) if why.kind() == ErrorKind::OverLimit),
            "{error:?}"
        );
        assert_eq!(paid(&wire), 0);
    }
}

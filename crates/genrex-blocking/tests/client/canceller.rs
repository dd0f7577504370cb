//! A canceller ends whatever is under way, however long the other side would let it wait.
//!
//! Each peer here hangs for as long as the test lives and each limit is an hour, so that what ends at all was ended
//! by the canceller.

use std::future::pending;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use genrex_blocking::core::failure::Class;
use genrex_blocking::core::testing::{Reply, ScriptedTransport};
use genrex_blocking::core::{
    Body, Cancelled, Now, SendOptions, Transport, TransportError, TransportErrorKind,
};
use genrex_blocking::{
    Canceller, Client, ClientBuilder, Error, ErrorKind, Pace, Submission, Timeouts,
};

use crate::server::{answer, hang, local, read_request, serve};
use crate::support::{ACCEPTED, builder, request, wav};

const LONG: Duration = Duration::from_secs(3600);

fn patient(client: ClientBuilder) -> ClientBuilder {
    let mut timeouts = Timeouts::default();
    timeouts.connect = LONG;
    timeouts.submit = LONG;
    timeouts.answer = LONG;
    client
        .timeouts(timeouts)
        .deadline(None)
        .pace(Pace::Fixed(LONG))
}

/// Runs an operation on a thread of its own and cancels it when `is_under_way` says so.
fn cancelled<T: Send + 'static>(
    client: &Client,
    is_under_way: &mpsc::Receiver<()>,
    act: impl FnOnce(&Client) -> T + Send + 'static,
) -> T {
    let canceller = Canceller::new();
    let client = client.cancelled_by(&canceller);
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || sender.send(act(&client)).ok());
    let begun = is_under_way.recv_timeout(Duration::from_secs(60));
    begun.expect("it is never under way");
    canceller.cancel();
    let ended = receiver.recv_timeout(Duration::from_secs(60));
    ended.expect("it is never ended")
}

/// A server that says when it has read a request, and then does as `act` says and hangs.
fn hanging(
    act: impl Fn(&mut TcpStream, &str) + Clone + Send + 'static,
) -> (u16, mpsc::Receiver<()>) {
    let (sender, receiver) = mpsc::channel();
    let port = serve(move |mut stream| {
        let head = read_request(&mut stream);
        act(&mut stream, &head);
        sender.send(()).ok();
        hang(stream);
    });
    (port, receiver)
}

#[test]
fn a_call_that_is_not_answered() {
    let (port, under_way) = hanging(|_, _| ());
    let client = patient(local(port)).build().unwrap();
    let error = cancelled(&client, &under_way, Client::balance).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Cancelled);
}

#[test]
fn a_call_whose_answer_stops() {
    let (port, under_way) = hanging(|stream, _| {
        let head = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"creditQuota\"";
        stream.write_all(head).unwrap();
    });
    let client = patient(local(port)).build().unwrap();
    let error = cancelled(&client, &under_way, Client::balance).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Cancelled);
}

#[test]
fn a_call_over_a_connection_that_was_kept_alive() {
    let (sender, under_way) = mpsc::channel();
    let port = serve(move |mut stream| {
        read_request(&mut stream);
        answer(
            &mut stream,
            r#"{"creditQuota":9,"usedCredit":1,"durationLimit":60}"#,
        );
        read_request(&mut stream);
        sender.send(()).ok();
        hang(stream);
    });
    let client = patient(local(port)).build().unwrap();
    client.balance().unwrap();
    let error = cancelled(&client, &under_way, Client::balance).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Cancelled);
}

/// The request was read: it may have been charged, and nobody may say otherwise.
#[test]
fn a_submit_on_its_way_is_ambiguous() {
    let (port, under_way) = hanging(|_, _| ());
    let client = patient(local(port)).build().unwrap();
    let submission = cancelled(&client, &under_way, |client| client.submit(&request()));
    let Submission::Ambiguous(error) = submission else {
        panic!("{submission:?}");
    };
    assert_eq!(error.evidence().unwrap().seen, Class::Abandoned);
}

/// The peer takes the connection and never speaks TLS: nothing of a request has left.
#[cfg(feature = "rustls")]
#[test]
fn a_submit_that_is_still_connecting_was_not_sent() {
    let (sender, under_way) = mpsc::channel();
    let port = serve(move |mut stream| {
        // The client's first words: it waits for ours.
        stream.read_exact(&mut [0; 5]).unwrap();
        sender.send(()).ok();
        hang(stream);
    });
    let url = genrex_blocking::BaseUrl::new(&format!("https://127.0.0.1:{port}")).unwrap();
    let client = patient(builder().base_url(url)).build().unwrap();
    let submission = cancelled(&client, &under_way, |client| client.submit(&request()));
    let Submission::NotSent(error) = submission else {
        panic!("{submission:?}");
    };
    assert_eq!(error.kind(), ErrorKind::Cancelled);
}

/// Waits for a job, then downloads from a storage that stops half-way.
fn stopping_storage() -> (Client, mpsc::Receiver<()>) {
    let (port, under_way) = {
        let (sender, receiver) = mpsc::channel();
        let port = serve(move |mut stream| {
            let head = read_request(&mut stream);
            let host = head.lines().find_map(|line| {
                let (name, value) = line.split_once(": ")?;
                name.eq_ignore_ascii_case("host").then_some(value)
            });
            if head.starts_with("POST") {
                let url = format!("http://{}/1.wav", host.unwrap());
                let json = format!(
                    r#"{{"id":"QRY_1","status":"Completed","response":[{{"content":{{"url":"{url}"}}}}]}}"#
                );
                answer(&mut stream, &json);
            } else {
                let head = b"HTTP/1.1 200 OK\r\nContent-Length: 1044\r\nETag: \"v1\"\r\n\r\n";
                stream.write_all(head).unwrap();
                stream.write_all(&wav()[..522]).unwrap();
                sender.send(()).ok();
            }
            hang(stream);
        });
        (port, receiver)
    };
    (patient(local(port)).build().unwrap(), under_way)
}

#[test]
fn a_download() {
    let (client, under_way) = stopping_storage();
    let result = cancelled(&client, &under_way, |client| {
        let track = client.wait(&client.job("QRY_1".parse().unwrap())).unwrap();
        client.download_to(track.audio(), Vec::new())
    });
    assert_eq!(result.unwrap_err().kind(), ErrorKind::Cancelled);
}

#[test]
fn a_stream_that_is_read() {
    let (client, under_way) = stopping_storage();
    let result = cancelled(&client, &under_way, |client| {
        let track = client.wait(&client.job("QRY_1".parse().unwrap())).unwrap();
        match client.stream(track.audio()) {
            Ok(mut stream) => {
                let error = stream.read_to_end(&mut Vec::new()).unwrap_err();
                error.downcast::<Error>().unwrap()
            }
            Err(error) => error,
        }
    });
    assert_eq!(result.kind(), ErrorKind::Cancelled);
}

#[test]
fn a_sleep_between_two_polls() {
    let (port, under_way) = hanging(|stream, _| answer(stream, ACCEPTED));
    let client = patient(local(port)).build().unwrap();
    let error = cancelled(&client, &under_way, |client| {
        client.wait(&client.job("QRY_1".parse().unwrap()))
    });
    let error = error.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Cancelled);
    assert!(error.is_resumable());
}

/// A transport of the user's own: what it does in place of sending and sleeping.
struct Own {
    answers: ScriptedTransport,
    is_silent: bool,
    under_way: mpsc::Sender<()>,
}

#[async_trait]
impl Transport for Own {
    async fn send(
        &self,
        request: http::Request<Bytes>,
        options: SendOptions,
    ) -> Result<http::Response<Box<dyn Body>>, TransportError> {
        self.under_way.send(()).ok();
        if self.is_silent {
            return pending().await;
        }
        self.answers.send(request, options).await
    }

    #[expect(clippy::disallowed_methods, reason = "as a user's own would")]
    async fn sleep(&self, duration: Duration) -> Result<(), Cancelled> {
        thread::sleep(duration);
        Ok(())
    }

    #[expect(clippy::disallowed_methods, reason = "as a user's own would")]
    fn now(&self) -> Now {
        static BEGAN: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
        let elapsed = BEGAN.get_or_init(Instant::now).elapsed();
        Now {
            moment: genrex_blocking::core::Moment::new(elapsed),
            ..self.answers.now()
        }
    }
}

fn over_own(is_silent: bool) -> (Client, mpsc::Receiver<()>) {
    let (under_way, receiver) = mpsc::channel();
    let own = Own {
        answers: ScriptedTransport::answering(|_| Reply::json(200, ACCEPTED)),
        is_silent,
        under_way,
    };
    let client = patient(builder().transport(own)).build().unwrap();
    (client, receiver)
}

#[test]
fn a_sleep_of_a_transport_of_ones_own_that_blocks() {
    let (client, under_way) = over_own(false);
    let error = cancelled(&client, &under_way, |client| {
        client.wait(&client.job("QRY_1".parse().unwrap()))
    });
    assert_eq!(error.unwrap_err().kind(), ErrorKind::Cancelled);
}

#[test]
fn a_request_of_a_transport_of_ones_own_that_is_asynchronous() {
    let (client, under_way) = over_own(true);
    let error = cancelled(&client, &under_way, Client::balance);
    assert_eq!(error.unwrap_err().kind(), ErrorKind::Cancelled);
}

#[test]
fn once_used_it_lets_nothing_begin() {
    let wire = ScriptedTransport::new([]);
    let canceller = Canceller::new();
    let client = builder().transport(wire.clone()).build().unwrap();
    let client = client.cancelled_by(&canceller);
    canceller.cancel();
    assert_eq!(client.balance().unwrap_err().kind(), ErrorKind::Cancelled);
    let Submission::NotSent(error) = client.submit(&request()) else {
        panic!("sent");
    };
    assert_eq!(error.kind(), ErrorKind::Cancelled);
    assert!(wire.sent().is_empty());
}

#[test]
fn a_client_under_two_cancellers_is_ended_by_either() {
    for used in [0, 1] {
        let (port, under_way) = hanging(|_, _| ());
        let client = patient(local(port)).build().unwrap();
        let cancellers = [Canceller::new(), Canceller::new()];
        let client = client
            .cancelled_by(&cancellers[0])
            .cancelled_by(&cancellers[1]);
        let (sender, receiver) = mpsc::channel();
        thread::spawn(move || sender.send(client.balance()).ok());
        under_way.recv_timeout(Duration::from_secs(60)).unwrap();
        cancellers[used].cancel();
        let ended = receiver.recv_timeout(Duration::from_secs(60)).unwrap();
        assert_eq!(ended.unwrap_err().kind(), ErrorKind::Cancelled);
    }
}

/// One client's canceller is not another's, though they share connections.
#[test]
fn a_clone_goes_on() {
    let wire = ScriptedTransport::new([
        Reply::fails(TransportErrorKind::Connect),
        Reply::json(
            200,
            r#"{"creditQuota":9,"usedCredit":1,"durationLimit":60}"#,
        ),
    ]);
    let client = builder().transport(wire).build().unwrap();
    let canceller = Canceller::new();
    let other = client.cancelled_by(&canceller);
    canceller.cancel();
    other.balance().unwrap_err();
    assert_eq!(client.balance().unwrap().credits_used, 1);
}

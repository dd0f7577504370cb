use std::io;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use genrex_core::testing::{Reply, ScriptedTransport, Sent};
use genrex_core::{
    Audio, BaseUrl, Client, ErrorKind, Progress, Route, Settings, Sink, TransportErrorKind as Kind,
    block_on,
};

use crate::support::{client, completed, job, watched};

pub(crate) const LENGTH: usize = 100_044;

/// A WAVE file of silence with a ramp in it, so that every place differs from its neighbours.
pub(crate) fn wav() -> Vec<u8> {
    let mut bytes = b"RIFF".to_vec();
    bytes.extend(u32::try_from(LENGTH - 8).unwrap().to_le_bytes());
    bytes.extend(b"WAVEfmt \x10\0\0\0\x01\0\x01\0\0\x7d\0\0\0\xfa\0\0\x02\0\x10\0data");
    bytes.extend(100_000_u32.to_le_bytes());
    bytes.extend((0..100_000_u32).map(|at| (at % 251) as u8));
    assert_eq!(bytes.len(), LENGTH);
    bytes
}

/// Object storage that answers as it should.
fn storage(sent: &Sent) -> Reply {
    let whole = wav();
    let range = sent
        .header("range")
        .strip_prefix("bytes=")
        .and_then(|range| range.strip_suffix('-'));
    match range.map(|start| start.parse::<usize>().unwrap()) {
        Some(start) if sent.header("if-range") == "\"v1\"" => {
            Reply::new(206, whole[start..].to_vec())
                .header(
                    "content-range",
                    &format!("bytes {start}-{}/{LENGTH}", LENGTH - 1),
                )
                .header("content-length", &(LENGTH - start).to_string())
                .header("etag", "\"v1\"")
        }
        _ => full(),
    }
    .in_chunks(10_000)
}

fn full() -> Reply {
    Reply::new(200, wav())
        .header("etag", "\"v1\"")
        .header("content-length", &LENGTH.to_string())
}

fn cut_at(bytes: usize) -> Reply {
    Reply::new(200, wav()[..bytes].to_vec())
        .header("etag", "\"v1\"")
        .header("content-length", &LENGTH.to_string())
        .then_breaks(Kind::Closed)
}

/// A sink that keeps everything, and may fail.
#[derive(Default)]
pub(crate) struct Memory {
    pub(crate) bytes: Vec<u8>,
    pub(crate) committed: bool,
    room: Option<usize>,
    pub(crate) restarts: usize,
}

#[async_trait]
impl Sink for Memory {
    async fn write(&mut self, bytes: Bytes) -> io::Result<()> {
        assert!(!self.committed);
        if self
            .room
            .is_some_and(|room| self.bytes.len() + bytes.len() > room)
        {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.bytes.extend_from_slice(&bytes);
        Ok(())
    }

    async fn restart(&mut self) -> io::Result<()> {
        assert!(!self.committed);
        self.restarts += 1;
        self.bytes.clear();
        Ok(())
    }

    async fn commit(&mut self) -> io::Result<()> {
        self.committed = true;
        Ok(())
    }
}

pub(crate) fn audio(url: &str) -> Audio {
    let teller = ScriptedTransport::new([completed(url)]);
    block_on(client(&teller).wait(&job()))
        .unwrap()
        .audio()
        .clone()
}

pub(crate) const URL: &str = "https://a.example/music/1.wav?X-Amz-Signature=s3cr3t";

/// Downloads over the script; what came of it, and the sink.
fn download(wire: &ScriptedTransport) -> (Result<u64, ErrorKind>, Memory) {
    let mut sink = Memory::default();
    let result = block_on(client(wire).download(&audio(URL), &mut sink));
    let result = result.map(|done| {
        assert_eq!(done.duration, Some(Duration::from_micros(1_562_000)));
        done.bytes
    });
    assert_eq!(sink.committed, result.is_ok());
    if result.is_ok() {
        assert!(sink.bytes == wav(), "what was committed is not the file");
    }
    (result.map_err(|error| error.kind()), sink)
}

#[test]
fn a_whole_file_is_committed_with_its_hash() {
    use sha2::Digest as _;
    let wire = ScriptedTransport::answering(storage);
    let mut sink = Memory::default();
    let done = block_on(client(&wire).download(&audio(URL), &mut sink)).unwrap();
    assert_eq!(done.bytes, LENGTH as u64);
    assert_eq!(done.sha256.0, <[u8; 32]>::from(sha2::Sha256::digest(wav())));
    assert!(sink.committed && sink.bytes == wav());
}

#[test]
fn a_download_never_carries_a_credential_and_asks_for_no_compression() {
    let wire = ScriptedTransport::answering(storage);
    download(&wire).0.unwrap();
    for sent in wire.sent() {
        assert_eq!(sent.options.route, Route::Asset);
        for name in sent.request.headers().keys() {
            assert!(
                !name.as_str().starts_with("gx-")
                    && name != "accept-encoding"
                    && name != "authorization"
            );
        }
    }
}

#[test]
fn what_broke_off_is_resumed_from_where_it_broke() {
    let mut first = true;
    let wire = ScriptedTransport::answering(move |sent| match std::mem::take(&mut first) {
        true => cut_at(70_000).in_chunks(9_999),
        false => storage(sent),
    });
    let (result, sink) = download(&wire);
    assert_eq!(result, Ok(LENGTH as u64));
    assert_eq!(sink.restarts, 0);
    let again = &wire.sent()[1];
    assert_eq!(
        (again.header("range"), again.header("if-range")),
        ("bytes=70000-", "\"v1\"")
    );
}

#[test]
fn what_does_not_go_on_from_there_starts_again_from_zero() {
    let partial = |start: usize, etag: &str, total: usize| {
        Reply::new(206, wav()[start..].to_vec())
            .header(
                "content-range",
                &format!("bytes {start}-{}/{total}", total - 1),
            )
            .header("etag", etag)
    };
    for (name, second) in [
        ("another place", partial(69_999, "\"v1\"", LENGTH)),
        ("another version", partial(70_000, "\"v2\"", LENGTH)),
        ("another length", partial(70_000, "\"v1\"", LENGTH + 1)),
        ("no place", Reply::new(206, "x")),
        ("past the end", Reply::new(416, "")),
        ("the whole", full()),
    ] {
        let mut script = [cut_at(70_000), second].into_iter();
        let wire = ScriptedTransport::answering(move |sent| {
            script.next().unwrap_or_else(|| storage(sent))
        });
        let (result, sink) = download(&wire);
        assert_eq!(result, Ok(LENGTH as u64), "{name}");
        assert_eq!(sink.restarts, 1, "{name}");
    }
}

#[test]
fn without_a_strong_validator_nothing_is_resumed() {
    for etag in [None, Some("W/\"v1\"")] {
        let reply =
            Reply::new(200, wav()[..70_000].to_vec()).header("content-length", &LENGTH.to_string());
        let reply = etag
            .into_iter()
            .fold(reply, |reply, etag| reply.header("etag", etag));
        let mut first = Some(reply.then_breaks(Kind::Closed));
        let wire =
            ScriptedTransport::answering(move |sent| first.take().unwrap_or_else(|| storage(sent)));
        let (result, sink) = download(&wire);
        assert_eq!((result, sink.restarts), (Ok(LENGTH as u64), 1));
        assert_eq!(wire.slept().len(), 1, "and not at once");
        assert_eq!(wire.sent()[1].header("range"), "");
    }
}

#[test]
fn an_expired_link_is_renewed_three_times_and_the_download_goes_on() {
    for status in [400, 401, 403, 404, 410] {
        for expiries in [1, 3, 4] {
            let mut left = expiries;
            let wire = ScriptedTransport::answering(move |sent| {
                if sent.options.route == Route::Api {
                    assert!(sent.header("gx-signature").starts_with("t="));
                    return completed("https://b.example/fresh.wav");
                }
                if sent.request.uri().host() == Some("a.example")
                    && sent.header("range").is_empty()
                    && left == expiries
                {
                    left -= 1;
                    return cut_at(50_000);
                }
                if left > 0 {
                    left -= 1;
                    return Reply::new(status, "<Error>");
                }
                storage(sent)
            });
            // The first `expiries - 1` answers after the cut say that the link has expired.
            let (result, _) = download(&wire);
            assert_eq!(result, Ok(LENGTH as u64), "{status} {expiries}");
        }
    }
    let wire = ScriptedTransport::answering(|sent| match sent.options.route {
        Route::Api => completed(URL),
        _ => Reply::new(403, ""),
    });
    assert_eq!(download(&wire).0, Err(ErrorKind::LinkExpired));
    assert_eq!(wire.sent().len(), 7);
}

#[test]
fn what_is_not_audio_gets_one_fresh_link_and_is_never_committed() {
    let page = || {
        Reply::new(200, "<html>sign in</html>").header("content-type", "text/html; charset=utf-8")
    };
    let mut short = wav();
    short.truncate(LENGTH - 10);
    let short = move || Reply::new(200, short.clone());
    let text = || Reply::new(200, "hello, world: I am not a sound");
    let cases: [Box<dyn Fn() -> Reply + Send + Sync>; 3] =
        [Box::new(page), Box::new(short), Box::new(text)];
    for reply in cases.map(std::sync::Arc::new) {
        let bad = std::sync::Arc::clone(&reply);
        let wire = ScriptedTransport::answering(move |sent| match sent.options.route {
            Route::Api => completed(URL),
            _ => bad(),
        });
        assert_eq!(download(&wire).0, Err(ErrorKind::InvalidAudio));
        assert_eq!(wire.sent().len(), 3);

        let mut first = true;
        let wire = ScriptedTransport::answering(move |sent| match sent.options.route {
            Route::Api => completed(URL),
            _ if std::mem::take(&mut first) => reply(),
            _ => storage(sent),
        });
        assert_eq!(download(&wire).0, Ok(LENGTH as u64));
    }
}

#[test]
fn redirects_are_followed_five_times_each_checked_and_never_signed() {
    let hops = |most: usize| {
        ScriptedTransport::answering(move |sent| {
            assert_eq!(sent.header("gx-key"), "");
            let path = sent.request.uri().path();
            let hop: usize = path
                .rsplit('/')
                .next()
                .and_then(|last| last.parse().ok())
                .unwrap_or(0);
            if hop < most {
                Reply::new(302, "")
                    .header("location", &format!("https://h{hop}.example/{}", hop + 1))
            } else {
                storage(sent)
            }
        })
    };
    assert_eq!(download(&hops(5)).0, Ok(LENGTH as u64));
    assert_eq!(download(&hops(6)).0, Err(ErrorKind::UnexpectedAnswer));
    for location in [
        "http://a.example/1",
        "https://127.0.0.1/1",
        "https://user@a.example/1",
        "file:///etc/passwd",
    ] {
        let wire =
            ScriptedTransport::answering(move |_| Reply::new(302, "").header("location", location));
        assert_eq!(
            download(&wire).0,
            Err(ErrorKind::UnexpectedAnswer),
            "{location}"
        );
        assert_eq!(wire.sent().len(), 1);
    }
}

#[test]
fn a_storage_in_trouble_is_asked_eight_times() {
    let replies: [(fn() -> Reply, ErrorKind); 4] = [
        (|| Reply::new(503, ""), ErrorKind::Unreachable),
        (|| Reply::new(429, ""), ErrorKind::RateLimited),
        (|| Reply::fails(Kind::Connect), ErrorKind::Unreachable),
        (|| Reply::fails(Kind::Closed), ErrorKind::Unreachable),
    ];
    for (reply, kind) in replies {
        let wire = ScriptedTransport::answering(move |_| reply());
        assert_eq!(download(&wire).0, Err(kind));
        assert_eq!(wire.sent().len(), 8);
    }
    for kind in [Kind::Certificate, Kind::ForbiddenAddress] {
        let wire = ScriptedTransport::answering(move |_| Reply::fails(kind));
        download(&wire).0.unwrap_err();
        assert_eq!(wire.sent().len(), 1);
    }
}

#[test]
fn an_endless_body_stops_at_the_cap() {
    let announced = Reply::new(200, wav()).header("content-length", "99999999999");
    let wire = ScriptedTransport::new([announced]);
    assert_eq!(download(&wire).0, Err(ErrorKind::TooLarge));

    let mut endless = wav();
    endless.resize((256 << 20) + 1, 0);
    endless[4..8].copy_from_slice(&u32::MAX.to_le_bytes());
    let wire = ScriptedTransport::new([Reply::new(200, endless).in_chunks(1 << 20)]);
    assert_eq!(download(&wire).0, Err(ErrorKind::TooLarge));
}

#[test]
fn a_full_disk_ends_it_with_the_job_kept() {
    let wire = ScriptedTransport::answering(storage);
    let mut sink = Memory {
        room: Some(30_000),
        ..Memory::default()
    };
    let error = block_on(client(&wire).download(&audio(URL), &mut sink)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Storage);
    assert!(error.is_resumable() && !sink.committed);
    assert!(
        std::error::Error::source(&error)
            .unwrap()
            .downcast_ref::<io::Error>()
            .is_some()
    );
}

#[test]
fn progress_says_how_far_it_is() {
    let wire = ScriptedTransport::answering(storage);
    let (client, reports) = watched(&client(&wire));
    block_on(client.download(&audio(URL), &mut Memory::default())).unwrap();
    let received: Vec<_> = reports
        .lock()
        .unwrap()
        .iter()
        .filter_map(|report| match report {
            Progress::Downloading {
                received, total, ..
            } => Some((*received, *total)),
            _ => None,
        })
        .collect();
    assert_eq!(received.len(), 11);
    assert_eq!(received.last(), Some(&(LENGTH as u64, Some(LENGTH as u64))));
}

#[test]
fn a_loopback_api_may_have_loopback_storage() {
    let base = BaseUrl::new("http://127.0.0.1:9").unwrap();
    let wire = ScriptedTransport::answering(|sent| match sent.options.route {
        Route::Api => completed("http://127.0.0.1:10/1.wav"),
        _ => storage(sent),
    });
    let client = Client::new(
        wire.clone(),
        base,
        genrex_core::testing::keys(),
        Settings::default(),
    )
    .unwrap();
    let track = block_on(client.wait(&job())).unwrap();
    block_on(client.download(track.audio(), &mut Memory::default())).unwrap();
}

#[test]
fn a_storage_that_cuts_every_body_is_not_hammered() {
    let cut = || Reply::new(200, wav()[..70_000].to_vec()).then_breaks(Kind::Closed);
    let wire = ScriptedTransport::answering(move |_| cut());
    assert_eq!(download(&wire).0, Err(ErrorKind::Unreachable));
    assert_eq!((wire.sent().len(), wire.slept().len()), (8, 7));
}

#[test]
fn a_stream_that_nothing_says_the_end_of_is_refused() {
    let mut streamed = wav();
    streamed[4..8].copy_from_slice(&u32::MAX.to_le_bytes());
    streamed[40..44].copy_from_slice(&u32::MAX.to_le_bytes());
    streamed.truncate(60_000);
    let cut = streamed.clone();
    let wire = ScriptedTransport::answering(move |sent| match sent.options.route {
        Route::Api => completed(URL),
        _ => Reply::new(200, cut.clone()),
    });
    assert_eq!(download(&wire).0, Err(ErrorKind::InvalidAudio));
}

#[test]
fn a_fresh_link_of_another_job_is_not_taken() {
    let other = r#"{"id":"QRY_2","status":"Completed","response":[{"content":{"url":"https://b.example/1"}}]}"#;
    let running = r#"{"id":"QRY_1","status":"Processing"}"#;
    for answer in [other, running] {
        let wire = ScriptedTransport::answering(move |sent| match sent.options.route {
            Route::Api => Reply::json(200, answer),
            _ => Reply::new(403, ""),
        });
        assert_eq!(download(&wire).0, Err(ErrorKind::UnexpectedAnswer));
    }
}

#[test]
fn retries_of_downloads_draw_on_the_clients_budget() {
    let wire = ScriptedTransport::answering(|_| Reply::new(503, ""));
    let client = client(&wire);
    let tries: Vec<_> = (0..20)
        .map(|_| {
            let before = wire.sent().len();
            block_on(client.download(&audio(URL), &mut Memory::default())).unwrap_err();
            wire.sent().len() - before
        })
        .collect();
    assert_eq!((tries[0], tries[19]), (8, 1), "{tries:?}");
}

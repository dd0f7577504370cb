//! What holds for a whole job, however many links its answer has and however often one is tried.

use std::fmt::Write as _;
use std::time::Duration;

use bytes::Bytes;
use genrex_core::testing::{Reply, ScriptedTransport};
use genrex_core::{ErrorKind, Pace, Route, Track, block_on};

use crate::download::{LENGTH, Memory, URL, audio, wav};
use crate::support::{client, job, settings};

const HOUR: Duration = Duration::from_secs(60 * 60);

/// A completed job of so many links.
fn completed(links: usize) -> Reply {
    let mut content = String::new();
    for index in 0..links {
        let comma = if index > 0 { "," } else { "" };
        write!(
            content,
            r#"{comma}{{"url":"https://a.example/{index}.wav"}}"#
        )
        .unwrap();
    }
    let body =
        format!(r#"{{"id":"QRY_1","status":"Completed","response":[{{"content":[{content}]}}]}}"#);
    Reply::json(200, body)
}

fn file() -> Reply {
    Reply::new(200, wav()).header("content-length", &LENGTH.to_string())
}

#[test]
fn of_eight_thousand_links_sixteen_are_taken_within_one_deadline() {
    let limit = Duration::from_secs(100);
    let wire = ScriptedTransport::answering(|sent| match sent.options.route {
        Route::Api => completed(8000),
        _ => file().after(Duration::from_secs(30)),
    });
    let client = client(&wire).with_settings(settings(Pace::default(), Some(limit)));
    let client = client.one_job();
    let track = block_on(client.wait(&job())).unwrap();
    assert_eq!(
        (track.assets().len(), track.left_out()),
        (Track::MOST_ASSETS, 8000 - 16)
    );
    let results: Vec<_> = track
        .assets()
        .iter()
        .map(|audio| block_on(client.download(audio, &mut Memory::default())))
        .map(|result| result.map_err(|error| error.kind()).map(|done| done.bytes))
        .collect();
    assert_eq!(results[..3], [Ok(LENGTH as u64); 3]);
    assert!(results[3..].iter().all(Result::is_err));
    assert_eq!(results[15], Err(ErrorKind::Deadline));
    for sent in wire.sent() {
        assert!(sent.at + sent.options.total_timeout <= limit);
    }
    assert!(wire.elapsed() <= limit);
}

#[test]
fn the_audio_of_one_job_shares_256_mib() {
    let mut large = wav();
    large.resize(130 << 20, 0);
    let large = Bytes::from(large);
    let wire = ScriptedTransport::answering(move |_| {
        Reply::new(200, large.clone())
            .header("content-length", &large.len().to_string())
            .in_chunks(1 << 20)
    });
    let client = client(&wire).one_job();
    block_on(client.download(&audio(URL), &mut Memory::default())).unwrap();
    let mut second = Memory::default();
    let error = block_on(client.download(&audio(URL), &mut second)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooLarge);
    assert!(second.bytes.is_empty() && !second.committed);
}

#[test]
fn what_is_thrown_away_counts_too() {
    // Cut, and without a validator: each try starts from zero.
    let mut large = wav();
    large.resize(100 << 20, 0);
    let large = Bytes::from(large);
    let wire = ScriptedTransport::answering(move |_| {
        Reply::new(200, large.clone())
            .in_chunks(1 << 20)
            .then_breaks(genrex_core::TransportErrorKind::Closed)
    });
    let error = block_on(client(&wire).download(&audio(URL), &mut Memory::default())).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooLarge);
    assert_eq!(wire.sent().len(), 3);
}

#[test]
fn without_a_deadline_the_hour_is_in_all() {
    let busy = |_: &_| Reply::new(503, "").after(Duration::from_secs(25 * 60));
    for shared in [false, true] {
        let wire = ScriptedTransport::answering(busy);
        let client = client(&wire).with_settings(settings(Pace::default(), None));
        let client = if shared { client.one_job() } else { client };
        for _ in 0..3 {
            let began = wire.elapsed();
            let before = wire.sent().len();
            block_on(client.download(&audio(URL), &mut Memory::default())).unwrap_err();
            let from = if shared { Duration::ZERO } else { began };
            for sent in &wire.sent()[before..] {
                assert!(sent.at + sent.options.total_timeout <= from + HOUR);
            }
        }
        assert_eq!(wire.sent().len(), if shared { 3 } else { 9 });
    }
}

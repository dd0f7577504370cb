//! An audio stream: its length first, then bytes, and an end that only a whole file comes to.

use std::io::Read as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use genrex_blocking::core::TransportErrorKind;
use genrex_blocking::core::testing::{Reply, ScriptedTransport};
use genrex_blocking::{AudioStream, Error, ErrorKind, QueryId};

use crate::support::{Endless, announcing, builder, half, ready, rest, storage, track, wav, whole};

/// What came, and what it ended with.
fn read(mut audio: AudioStream) -> (Vec<u8>, Option<Error>) {
    let mut bytes = Vec::new();
    if let Err(error) = audio.read_to_end(&mut bytes) {
        audio
            .read(&mut [0])
            .expect_err("a clean end after an error");
        assert!(audio.downloaded().is_none());
        let error = error.downcast().expect("an error of genrex");
        return (bytes, Some(error));
    }
    let downloaded = audio.downloaded().expect("a clean end is a whole download");
    assert_eq!(downloaded.bytes, 1_044);
    assert_eq!(audio.read(&mut [0]).unwrap(), 0);
    (bytes, None)
}

/// What was handed over is the beginning of the file, and neither is it whole nor did it end cleanly.
fn fails(replies: impl IntoIterator<Item = Reply>) -> Error {
    let (client, audio, _) = storage(replies);
    let stream = client.stream(&audio).unwrap();
    assert_eq!(stream.len(), Some(1_044));
    let (bytes, error) = read(stream);
    assert!(wav().starts_with(&bytes));
    assert!(
        bytes.len() < 1_044,
        "whoever counts to the length sees a whole file"
    );
    let error = error.expect("a clean end");
    assert_eq!(error.query_id().map(QueryId::as_str), Some("QRY_1"));
    error
}

#[test]
fn the_length_comes_first_and_the_whole_file_after_it() {
    let (client, audio, wire) = storage([whole()]);
    let stream = client.stream(&audio).unwrap();
    assert_eq!(stream.len(), Some(1_044));
    let (bytes, error) = read(stream);
    assert!(error.is_none(), "{error:?}");
    assert_eq!(bytes, wav());
    assert_eq!(wire.sent().len(), 2);
}

#[test]
fn it_is_read_in_pieces_of_any_size() {
    for size in [1, 7, 100, 5_000] {
        let (client, audio, _) = storage([whole()]);
        let mut stream = client.stream(&audio).unwrap();
        assert_eq!(stream.read(&mut []).unwrap(), 0);
        let mut bytes = Vec::new();
        let mut piece = vec![0; size];
        loop {
            match stream.read(&mut piece).unwrap() {
                0 => break,
                length => bytes.extend_from_slice(&piece[..length]),
            }
        }
        assert_eq!(bytes, wav(), "{size}");
    }
}

#[test]
fn where_the_storage_says_no_length_there_is_none() {
    let (client, audio, _) = storage([Reply::new(200, wav()).in_chunks(7)]);
    let stream = client.stream(&audio).unwrap();
    assert_eq!(stream.len(), None);
    assert_eq!(read(stream).0, wav());
}

#[test]
fn a_body_cut_after_half_is_gone_on_with_where_the_version_is_known() {
    let (client, audio, wire) = storage([half().header("etag", "\"v1\""), rest()]);
    let (bytes, error) = read(client.stream(&audio).unwrap());
    assert!(error.is_none(), "{error:?}");
    assert_eq!(bytes, wav());
    assert_eq!(wire.sent()[2].header("range"), "bytes=522-");
}

#[test]
fn a_body_cut_after_half_ends_in_an_error_where_it_is_not() {
    let error = fails([half(), whole()]);
    assert_eq!(error.kind(), ErrorKind::Storage);
}

#[test]
fn a_whole_file_in_answer_to_a_range_ends_in_an_error() {
    let etag = |reply: Reply| reply.header("etag", "\"v1\"");
    fails([etag(half()), etag(whole())]);
}

#[test]
fn a_body_that_ends_too_early_ends_in_an_error() {
    fails([announcing(wav().slice(..522), 1_044), whole()]);
}

#[test]
fn a_body_longer_than_announced_ends_in_an_error() {
    let mut longer = wav().to_vec();
    longer.extend([7; 56]);
    let longer = |size| {
        Reply::new(200, longer.clone())
            .header("content-length", "1044")
            .in_chunks(size)
    };
    // In pieces of which one goes beyond the end, and in pieces of which one ends there.
    fails([longer(100)]);
    fails([longer(58)]);
    // In two pieces, of which the first would have been the whole.
    let (client, audio, _) = storage([longer(1_044)]);
    let error = client.stream(&audio).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Storage);
}

#[test]
fn a_file_that_is_shorter_than_its_own_header_says_ends_in_an_error() {
    let mut lying = wav().to_vec();
    lying[40..44].copy_from_slice(&2_000_u32.to_le_bytes());
    lying[4..8].copy_from_slice(&2_036_u32.to_le_bytes());
    let lying = || announcing(lying.clone().into(), 1_044);
    let (client, audio, _) = storage([lying(), ready(), lying()]);
    let (bytes, error) = read(client.stream(&audio).unwrap());
    assert!(error.is_some());
    assert!(bytes.len() < 1_044);
}

#[test]
fn what_is_no_wave_file_never_begins() {
    let page = || Reply::new(200, "<html>no music here</html>").header("content-length", "26");
    let (client, audio, _) = storage([page(), ready(), page()]);
    let error = client.stream(&audio).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidAudio);
}

#[test]
fn before_anything_was_handed_over_it_starts_again_by_itself() {
    for received in [0, 50, 100] {
        let first = announcing(wav().slice(..received), 1_044);
        let first = first.then_breaks(TransportErrorKind::Closed);
        let (client, audio, wire) = storage([first, whole()]);
        let (bytes, error) = read(client.stream(&audio).unwrap());
        assert!(error.is_none(), "{received}: {error:?}");
        assert_eq!(bytes, wav());
        assert_eq!(wire.sent().len(), 3);
    }
}

#[test]
fn dropping_it_gives_up_the_exchange() {
    let half_without_end = announcing(wav().slice(..522), 1_044);
    let bodies = Arc::new(AtomicUsize::new(0));
    let transport = Endless {
        inner: ScriptedTransport::new([ready(), half_without_end]),
        bodies: Arc::clone(&bodies),
    };
    let client = builder().transport(transport).build().unwrap();
    let track = track(&client);
    let mut stream = client.stream(track.audio()).unwrap();
    let mut first = [0; 60];
    stream.read_exact(&mut first).unwrap();
    assert_eq!(first, wav()[..60]);
    assert_eq!(bodies.load(Ordering::SeqCst), 1);
    drop(stream);
    assert_eq!(bodies.load(Ordering::SeqCst), 0);
}

#[test]
fn it_can_be_read_on_another_thread() {
    let (client, audio, _) = storage([whole()]);
    let stream = client.stream(&audio).unwrap();
    let (bytes, error) = std::thread::spawn(move || read(stream)).join().unwrap();
    assert!(error.is_none());
    assert_eq!(bytes, wav());
}

#[test]
fn bytes_are_the_whole_file_whatever_broke_off() {
    let (client, audio, _) = storage([half(), whole()]);
    assert_eq!(client.bytes(&audio).unwrap(), wav());
}

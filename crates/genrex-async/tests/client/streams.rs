//! An audio stream: its length first, then chunks, and an end that only a whole file comes to.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_core::Stream;
use genrex_async::core::TransportErrorKind;
use genrex_async::core::testing::{Reply, ScriptedTransport};
use genrex_async::{AudioStream, Error, ErrorKind, QueryId};

use crate::support::{Endless, announcing, builder, half, ready, rest, storage, track, wav, whole};

/// What came, and what it ended with.
async fn read(mut audio: AudioStream) -> (Vec<u8>, Option<Error>) {
    let mut bytes = Vec::new();
    while let Some(item) = audio.next().await {
        match item {
            Ok(chunk) => {
                assert!(!chunk.is_empty());
                bytes.extend(chunk);
            }
            Err(error) => {
                assert!(audio.next().await.is_none(), "an error is the last item");
                assert!(audio.downloaded().is_none());
                return (bytes, Some(error));
            }
        }
    }
    let downloaded = audio.downloaded().expect("a clean end is a whole download");
    assert_eq!(downloaded.bytes, 1_044);
    assert!(audio.next().await.is_none());
    (bytes, None)
}

/// What was handed over is the beginning of the file, and neither is it whole nor did it end cleanly.
async fn fails(replies: impl IntoIterator<Item = Reply>) -> Error {
    let (client, audio, _) = storage(replies).await;
    let stream = client.stream(&audio).await.unwrap();
    assert_eq!(stream.len(), Some(1_044));
    let (bytes, error) = read(stream).await;
    assert!(wav().starts_with(&bytes));
    assert!(
        bytes.len() < 1_044,
        "whoever counts to the length sees a whole file"
    );
    let error = error.expect("a clean end");
    assert_eq!(error.query_id().map(QueryId::as_str), Some("QRY_1"));
    error
}

#[tokio::test]
async fn the_length_comes_first_and_the_whole_file_after_it() {
    let (client, audio, wire) = storage([whole()]).await;
    let stream = client.stream(&audio).await.unwrap();
    assert_eq!(stream.len(), Some(1_044));
    let (bytes, error) = read(stream).await;
    assert!(error.is_none(), "{error:?}");
    assert_eq!(bytes, wav());
    assert_eq!(wire.sent().len(), 2);
}

#[tokio::test]
async fn where_the_storage_says_no_length_there_is_none() {
    let (client, audio, _) = storage([Reply::new(200, wav()).in_chunks(7)]).await;
    let stream = client.stream(&audio).await.unwrap();
    assert_eq!(stream.len(), None);
    assert_eq!(read(stream).await.0, wav());
}

#[tokio::test]
async fn a_body_cut_after_half_is_gone_on_with_where_the_version_is_known() {
    let (client, audio, wire) = storage([half().header("etag", "\"v1\""), rest()]).await;
    let (bytes, error) = read(client.stream(&audio).await.unwrap()).await;
    assert!(error.is_none(), "{error:?}");
    assert_eq!(bytes, wav());
    assert_eq!(wire.sent()[2].header("range"), "bytes=522-");
}

#[tokio::test]
async fn a_body_cut_after_half_ends_in_an_error_where_it_is_not() {
    let error = fails([half(), whole()]).await;
    assert_eq!(error.kind(), ErrorKind::Storage);
}

#[tokio::test]
async fn a_whole_file_in_answer_to_a_range_ends_in_an_error() {
    let etag = |reply: Reply| reply.header("etag", "\"v1\"");
    fails([etag(half()), etag(whole())]).await;
}

#[tokio::test]
async fn a_body_that_ends_too_early_ends_in_an_error() {
    fails([announcing(wav().slice(..522), 1_044), whole()]).await;
}

#[tokio::test]
async fn a_body_longer_than_announced_ends_in_an_error() {
    let mut longer = wav().to_vec();
    longer.extend([7; 56]);
    let longer = |size| {
        Reply::new(200, longer.clone())
            .header("content-length", "1044")
            .in_chunks(size)
    };
    // In pieces of which one goes beyond the end, and in pieces of which one ends there.
    fails([longer(100)]).await;
    fails([longer(58)]).await;
    // In two pieces, of which the first would have been the whole.
    let (client, audio, _) = storage([longer(1_044)]).await;
    let error = client.stream(&audio).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Storage);
}

#[tokio::test]
async fn a_file_that_is_shorter_than_its_own_header_says_ends_in_an_error() {
    let mut lying = wav().to_vec();
    lying[40..44].copy_from_slice(&2_000_u32.to_le_bytes());
    lying[4..8].copy_from_slice(&2_036_u32.to_le_bytes());
    let lying = || announcing(lying.clone().into(), 1_044);
    let (client, audio, _) = storage([lying(), ready(), lying()]).await;
    let (bytes, error) = read(client.stream(&audio).await.unwrap()).await;
    assert!(error.is_some());
    assert!(bytes.len() < 1_044);
}

#[tokio::test]
async fn what_is_no_wave_file_never_begins() {
    let page = || Reply::new(200, "<html>no music here</html>").header("content-length", "26");
    let (client, audio, _) = storage([page(), ready(), page()]).await;
    let error = client.stream(&audio).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidAudio);
}

#[tokio::test]
async fn before_anything_was_handed_over_it_starts_again_by_itself() {
    for received in [0, 50, 100] {
        let first = announcing(wav().slice(..received), 1_044);
        let first = first.then_breaks(TransportErrorKind::Closed);
        let (client, audio, wire) = storage([first, whole()]).await;
        let (bytes, error) = read(client.stream(&audio).await.unwrap()).await;
        assert!(error.is_none(), "{received}: {error:?}");
        assert_eq!(bytes, wav());
        assert_eq!(wire.sent().len(), 3);
    }
}

#[tokio::test]
async fn dropping_it_gives_up_the_exchange() {
    let wire = ScriptedTransport::new([ready(), half_without_end()]);
    let bodies = Arc::new(AtomicUsize::new(0));
    let transport = Endless {
        inner: wire,
        bodies: Arc::clone(&bodies),
    };
    let client = builder().transport(transport).build().unwrap();
    let track = track(&client).await;
    let mut stream = client.stream(track.audio()).await.unwrap();
    assert_eq!(stream.next().await.unwrap().unwrap(), wav().slice(..100));
    assert_eq!(bodies.load(Ordering::SeqCst), 1);
    drop(stream);
    assert_eq!(bodies.load(Ordering::SeqCst), 0);
}

fn half_without_end() -> Reply {
    announcing(wav().slice(..522), 1_044)
}

/// A `next` that is dropped while it waits loses nothing.
#[tokio::test]
async fn a_dropped_next_loses_nothing() {
    let wire = ScriptedTransport::new([ready(), half_without_end()]);
    let transport = Endless {
        inner: wire,
        bodies: Arc::default(),
    };
    let client = builder().transport(transport).build().unwrap();
    let track = track(&client).await;
    let mut stream = client.stream(track.audio()).await.unwrap();
    let mut bytes = Vec::new();
    loop {
        tokio::select! {
            biased;
            chunk = stream.next() => bytes.extend(chunk.unwrap().unwrap()),
            () = std::future::ready(()) => break,
        }
    }
    // All but the last chunk that came, which may be the file's last.
    assert_eq!(bytes, wav().slice(..500));
}

#[test]
fn it_is_a_stream_that_can_be_sent_and_moved() {
    fn check<T: Stream<Item = Result<bytes::Bytes, Error>> + Unpin + Send + 'static>() {}
    check::<AudioStream>();
}

#[tokio::test]
async fn bytes_are_the_whole_file_whatever_broke_off() {
    let (client, audio, _) = storage([half(), whole()]).await;
    assert_eq!(client.bytes(&audio).await.unwrap(), wav());
}

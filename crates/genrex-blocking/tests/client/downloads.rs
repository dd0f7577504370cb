//! Downloads into files, writers and sinks.

use std::future::poll_fn;
use std::io;
use std::task::Poll;

use async_trait::async_trait;
use bytes::Bytes;
use genrex_blocking::{ErrorKind, Existing, Sink};

use crate::support::{half, storage, wav, whole};

#[test]
fn a_file_appears_whole_and_none_is_overwritten_unasked() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.wav");
    let (client, audio, _) = storage([half(), whole(), whole()]);
    let downloaded = client.download(&audio, &path).unwrap();
    assert_eq!(downloaded.bytes, 1_044);
    assert_eq!(std::fs::read(&path).unwrap(), wav());

    let error = client.download(&audio, &path).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Storage);
    let replaced = client.download_over(&audio, &path, Existing::Replace);
    assert_eq!(replaced.unwrap().bytes, 1_044);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn a_writer_gets_the_whole_or_an_error() {
    let (client, audio, _) = storage([whole()]);
    let mut written = Vec::new();
    client.download_to(&audio, &mut written).unwrap();
    assert_eq!(written, wav());

    let (client, audio, _) = storage([half(), whole()]);
    let error = client.download_to(&audio, Vec::new()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Storage);
}

#[derive(Default)]
struct Own {
    expected: Option<u64>,
    bytes: Vec<u8>,
    committed: bool,
}

#[async_trait]
impl Sink for Own {
    fn expect(&mut self, length: Option<u64>) {
        self.expected = length;
    }

    async fn write(&mut self, bytes: Bytes) -> io::Result<()> {
        yield_once().await;
        self.bytes.extend(bytes);
        Ok(())
    }

    async fn restart(&mut self) -> io::Result<()> {
        self.bytes.clear();
        Ok(())
    }

    async fn commit(&mut self) -> io::Result<()> {
        self.committed = true;
        Ok(())
    }
}

#[test]
fn a_sink_of_ones_own_is_told_all() {
    let (client, audio, _) = storage([half(), whole()]);
    let mut own = Own::default();
    client.download_into(&audio, &mut own).unwrap();
    assert_eq!(own.expected, Some(1_044));
    assert_eq!(own.bytes, wav());
    assert!(own.committed);
}

/// Pending once: a sink may be truly asynchronous here too.
async fn yield_once() {
    let mut is_second = false;
    poll_fn(|context| {
        if std::mem::replace(&mut is_second, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

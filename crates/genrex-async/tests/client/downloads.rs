//! Downloads into files, writers and sinks.

use std::io;

use async_trait::async_trait;
use bytes::Bytes;
use genrex_async::{ErrorKind, Existing, Sink};

use crate::support::{half, storage, wav, whole};

#[tokio::test]
async fn a_file_appears_whole_and_none_is_overwritten_unasked() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.wav");
    let (client, audio, _) = storage([half(), whole(), whole()]).await;
    let downloaded = client.download(&audio, &path).await.unwrap();
    assert_eq!(downloaded.bytes, 1_044);
    assert_eq!(std::fs::read(&path).unwrap(), wav());

    let error = client.download(&audio, &path).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Storage);
    let replaced = client.download_over(&audio, &path, Existing::Replace).await;
    assert_eq!(replaced.unwrap().bytes, 1_044);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[tokio::test]
async fn a_writer_gets_the_whole_or_an_error() {
    let (client, audio, _) = storage([whole()]).await;
    let mut written = Vec::new();
    client.download_to(&audio, &mut written).await.unwrap();
    assert_eq!(written, wav());

    let (client, audio, _) = storage([half(), whole()]).await;
    let error = client.download_to(&audio, Vec::new()).await.unwrap_err();
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
        tokio::task::yield_now().await;
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

#[tokio::test]
async fn a_sink_of_ones_own_is_told_all() {
    let (client, audio, _) = storage([half(), whole()]).await;
    let mut own = Own::default();
    client.download_into(&audio, &mut own).await.unwrap();
    assert_eq!(own.expected, Some(1_044));
    assert_eq!(own.bytes, wav());
    assert!(own.committed);
}

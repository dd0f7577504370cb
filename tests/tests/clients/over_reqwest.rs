//! The async client, waited for on the runtime that the sandboxes run on.

use genrex_async as stack;

fn run<T>(operation: impl Future<Output = T>) -> T {
    genrex_tests::Stack::runtime().block_on(operation)
}

fn builder() -> stack::ClientBuilder {
    // A second installation is refused, and harmless.
    let _ = rustls::crypto::ring::default_provider().install_default();
    stack::Client::builder().http(|http| {
        let roots = webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter();
        let roots = roots.filter_map(|root| reqwest::Certificate::from_der(root).ok());
        http.no_proxy().tls_certs_merge(roots)
    })
}

#[path = "behaviours.rs"]
mod behaviours;

/// Dropping is cancelling: the part file goes with the download, and the job stays.
#[test]
fn a_dropped_future_leaves_nothing_behind() {
    use std::time::Duration;

    let sandbox = behaviours::sandbox(|_| ());
    let folder = tempfile::tempdir().unwrap();
    let client = behaviours::client(&sandbox);
    let track = run(client.generate(&behaviours::request("music", 60))).unwrap();
    run(async {
        let (seen, mut downloading) = tokio::sync::mpsc::unbounded_channel();
        let client = client.on_progress(move |progress| {
            if matches!(progress, stack::Progress::Downloading { .. }) {
                // The receiver is gone when the test is over.
                let _ = seen.send(());
            }
        });
        let path = folder.path().join("a.wav");
        tokio::select! {
            biased;
            Some(()) = downloading.recv() => {}
            _ = client.download(track.audio(), &path) => panic!("it was to be dropped"),
        }
        // What was being written when it was dropped is let go of on another thread.
        for _ in 0..1000 {
            if std::fs::read_dir(folder.path()).unwrap().next().is_none() {
                return;
            }
            tokio::task::spawn_blocking(std::thread::yield_now)
                .await
                .unwrap();
            tokio::time::timeout(Duration::from_millis(5), std::future::pending::<()>())
                .await
                .unwrap_err();
        }
        panic!(
            "something is left: {:?}",
            std::fs::read_dir(folder.path())
                .unwrap()
                .collect::<Vec<_>>()
        );
    });
    let again = run(client.download(track.audio(), folder.path().join("a.wav"))).unwrap();
    assert_eq!(again.bytes, 44 + 60 * 32_000 * 2);
}

//! One span an attempt, with OpenTelemetry's names, and no secret in any.

use std::io;
use std::sync::{Arc, Mutex};

use genrex_core::testing::keys;
use genrex_tests::{Act, Stack, FaultServer, answer, json};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::FmtSpan;

use crate::support::{client, fetch, job, ready_at, wav};

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[test]
fn spans_have_the_standard_names_and_no_secret() {
    for stack in Stack::BOTH {
        let log = Log::default();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_span_events(FmtSpan::CLOSE)
            .with_ansi(false)
            .with_writer(log.clone())
            .finish();
        let store = FaultServer::start([Act::Write(answer(200, &[("ETag", "\"v1\"")], wav()))]);
        let link = format!("{}/1.wav?X-Amz-Signature=presigned-s3cr3t", store.url());
        let server = FaultServer::start([Act::Write(json(503, "{}")), ready_at(&link)]);
        // The async stack's work runs on this thread while it is waited for.
        tracing::subscriber::with_default(subscriber, || {
            let client = client(stack, &server.url());
            let track = stack.run(client.wait(&job())).unwrap();
            fetch(stack, &client, &track).unwrap();
        });
        let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
        let spans: Vec<_> = text
            .lines()
            .filter(|line| line.contains("genrex") && line.contains("attempt{"))
            .collect();
        for (span, status) in spans.iter().zip(["503", "200", "200"]) {
            for field in [
                "otel.kind=\"client\"",
                "http.request.method=",
                "http.request.resend_count=",
                "server.address=\"127.0.0.1\"",
                "server.port=",
                "url.full=http://127.0.0.1:",
                &format!("http.response.status_code={status}"),
            ] {
                assert!(span.contains(field), "{stack:?}: no {field} in {span}");
            }
        }
        assert!(spans.len() >= 3, "{text}");
        assert!(spans[0].contains("error.type=\"503\""), "{}", spans[0]);
        for secret in [
            "presigned-s3cr3t",
            "7Xd9PfMlkanB5ZTuj0qQG",
            keys().key().as_str(),
            ",v=",
        ] {
            assert!(!text.contains(secret), "{stack:?}: {secret} is in the log");
        }
    }
}

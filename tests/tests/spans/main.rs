//! One span an operation and one an attempt, with OpenTelemetry's names, and no secret in any.
//!
//! It is a program of its own with one test: what is logged is one setting for a whole process.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "../wire/support.rs"]
#[allow(dead_code, reason = "it serves other tests too")]
mod support;

use std::io;
use std::sync::{Arc, Mutex};

use genrex_core::testing::keys;
use genrex_tests::{Act, FaultServer, Stack, answer, json, wav};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::FmtSpan;

use crate::support::{client, fetch, job, ready_at};

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
    let log = Log::default();
    tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_span_events(FmtSpan::CLOSE)
        .with_ansi(false)
        .with_writer(log.clone())
        .init();
    for stack in Stack::BOTH {
        log.0.lock().unwrap().clear();
        let store = FaultServer::start([Act::Write(answer(200, &[("ETag", "\"v1\"")], wav()))]);
        let link = format!("{}/1.wav?X-Amz-Signature=presigned-s3cr3t", store.url());
        let server = FaultServer::start([Act::Write(json(503, "{}")), ready_at(&link)]);
        let client = client(stack, &server.url());
        let track = stack.run(client.wait(&job())).unwrap();
        fetch(stack, &client, &track).unwrap();
        let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
        let spans: Vec<_> = text
            .lines()
            .filter(|line| {
                line.contains("genrex") && line.contains("attempt{") && line.contains("close")
            })
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
        for operation in ["wait", "download"] {
            let name = format!("operation{{otel.name=\"{operation}\"");
            assert!(
                spans.iter().any(|span| span.contains(&name)),
                "{name}: {spans:?}"
            );
        }
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

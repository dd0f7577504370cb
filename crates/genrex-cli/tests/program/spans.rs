//! What is exported to OpenTelemetry, and what never is.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;

use tempfile::tempdir;

use crate::support::{Sandbox, code, stderr};

const PROMPT: &str = "a-prompt-that-nobody-else-writes";

/// A collector that takes one request.
#[test]
fn spans_go_to_the_endpoint_and_hold_no_secret() {
    let folder = tempdir().unwrap();
    let sandbox = Sandbox::start(folder.path(), &[]);
    let collector = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", collector.local_addr().unwrap());
    let taken = std::thread::spawn(move || {
        let (mut stream, _) = collector.accept().unwrap();
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        let (mut head, mut length) = (String::new(), 0);
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).unwrap();
            let name = line.to_ascii_lowercase();
            if let Some(value) = name.strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
            head.push_str(&line);
            if line.trim().is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        (head, String::from_utf8_lossy(&body).into_owned())
    });
    let args = [
        "generate",
        PROMPT,
        "--duration",
        "5",
        "--poll-interval",
        "10ms",
    ];
    let mut command = sandbox.genrex(folder.path(), &args);
    command.env("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint);
    let made = command.output().unwrap();
    assert_eq!(code(&made), 0, "{}", stderr(&made));
    let (head, body) = taken.join().unwrap();
    assert!(head.starts_with("POST /v1/traces"), "{head}");
    assert!(
        body.contains("genrex") && body.contains("http.request.method"),
        "{body}"
    );
    let mut secrets = vec![PROMPT.to_owned()];
    for (name, value) in &sandbox.environment {
        if !name.ends_with("BASE_URL") {
            secrets.push(value.clone());
        }
    }
    for secret in secrets {
        assert!(!body.contains(&secret), "{secret}");
    }
}

//! What a sandbox says of the requests that come to it.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::Stdio;

use tempfile::tempdir;

use crate::support::{code, genrex, stderr};

/// What a sandbox is asked stands on standard error, a line a request, and no secret in it.
#[test]
fn a_sandbox_shows_each_request() {
    for (flags, lines, headers) in [
        (&[][..], true, false),
        (&["-v"], true, true),
        (&["-q"], false, false),
    ] {
        let folder = tempdir().unwrap();
        let args = [&["sandbox", "--render-time", "1ms"], flags].concat();
        let mut process = genrex(folder.path())
            .args(&args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut out = BufReader::new(process.stdout.take().unwrap());
        let mut environment = Vec::new();
        for _ in 0..3 {
            let mut line = String::new();
            out.read_line(&mut line).unwrap();
            let (name, value) = line["export ".len()..].trim().split_once('=').unwrap();
            environment.push((name.to_owned(), value.to_owned()));
        }
        let made = genrex(folder.path())
            .args(["generate", "a", "-o", "a.wav", "--poll-interval", "5ms"])
            .envs(environment.clone())
            .output()
            .unwrap();
        assert_eq!(code(&made), 0, "{}", stderr(&made));
        let refused = genrex(folder.path())
            .args(["balance"])
            .envs(environment)
            .env("GENREX_API_SECRET", "another-secret")
            .output()
            .unwrap();
        assert_eq!(code(&refused), 3, "{}", stderr(&refused));

        drop(process.stdin.take());
        let ended = process.wait_with_output().unwrap();
        let mut rest = String::new();
        out.read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "", "nothing else is on standard output");
        let text = stderr(&ended);
        for (line, is_there) in [
            (" POST /v1/text2music/generateMusic 201 ", lines),
            (" POST /v1/text2music/getBalance 200 ", lines),
            (" POST /v1/text2music/getBalance 401 ", lines),
            (" GET /audio/", lines),
            ("    content-type: application/json\n", headers),
            (",v=(redacted)\n", headers),
            ("    the signature is good\n", headers),
            ("    the signature is refused: ", headers),
        ] {
            assert_eq!(text.contains(line), is_there, "{flags:?} {line}: {text}");
        }
        for secret in ["sandbox-key", "sandbox-secret", "another-secret", "?"] {
            assert!(!text.contains(secret), "{secret}: {text}");
        }
    }
}

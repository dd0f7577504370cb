//! Generating, waiting, asking: against a sandbox inside the process and one outside.

use std::fs;
use std::process::Stdio;

use serde_json::Value;
use tempfile::tempdir;

use genrex_tests::{Act, FaultServer, Received};

use crate::support::{Played, Sandbox, answer, code, error, json, run, stderr, stdout};

#[test]
fn the_main_job_makes_a_file_of_music() {
    let folder = tempdir().unwrap();
    let made = run(
        folder.path(),
        &["generate", "intense EDM", "--duration", "10", "--sandbox"],
    );
    assert_eq!(code(&made), 0, "{}", stderr(&made));
    let printed = stdout(&made);
    let name = printed.trim_end();
    assert!(
        name.starts_with("intense-edm-QRY_") && name.ends_with(".wav"),
        "{name}"
    );
    let wav = hound::WavReader::open(folder.path().join(name)).unwrap();
    assert_eq!(wav.duration(), 10 * wav.spec().sample_rate);
    let loud = wav
        .into_samples::<i16>()
        .filter(|sample| sample.as_ref().unwrap().unsigned_abs() > 3000)
        .count();
    assert!(loud > 10_000, "it is not silence");
    assert!(
        stderr(&made).contains('▇') || stderr(&made).contains('█'),
        "{}",
        stderr(&made)
    );
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);

    let again = run(
        folder.path(),
        &["generate", "intense EDM", "--duration", "10", "--sandbox"],
    );
    assert_eq!(code(&again), 0, "{}", stderr(&again));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
}

#[test]
fn the_json_document_is_as_documented() {
    let folder = tempdir().unwrap();
    let made = run(
        folder.path(),
        &[
            "--json",
            "generate",
            "calm rain",
            "-d",
            "5",
            "--sandbox",
            "-o",
            "rain.wav",
        ],
    );
    assert_eq!((code(&made), stderr(&made)), (0, String::new()));
    let document = json(&made);
    let names: Vec<_> = document.as_object().unwrap().keys().collect();
    assert_eq!(names, ["assets", "elapsedMs", "polls", "queryId", "status"]);
    assert_eq!(document["status"], "Completed");
    let asset = &document["assets"][0];
    let path = folder.path().canonicalize().unwrap().join("rain.wav");
    assert_eq!(asset["path"], path.to_str().unwrap());
    assert_eq!(
        asset["bytes"],
        fs::metadata(folder.path().join("rain.wav")).unwrap().len()
    );
    assert_eq!(asset["seconds"], 5.0);
    assert_eq!(asset["sha256"].as_str().unwrap().len(), 64);
    assert_eq!(asset["waveform"].as_array().unwrap().len(), 1000);
}

#[test]
fn a_sandbox_of_its_own_keeps_jobs_between_commands() {
    let folder = tempdir().unwrap();
    let sandbox = Sandbox::start(
        folder.path(),
        &["--render-time", "1ms", "--seed", "7", "--quota", "100"],
    );
    let left = sandbox.run(folder.path(), &["generate", "music", "--no-wait"]);
    assert_eq!(code(&left), 0, "{}", stderr(&left));
    let id = stdout(&left).trim().to_owned();
    assert!(
        stderr(&left).contains(&format!("genrex wait {id}")),
        "{}",
        stderr(&left)
    );

    let status = sandbox.run(folder.path(), &["status", &id, "--json"]);
    let status = json(&status);
    assert_eq!(
        (status["id"].as_str(), status["status"].as_str()),
        (Some(id.as_str()), Some("Completed"))
    );
    assert!(
        status["response"][0]["content"][0]["url"].is_string(),
        "in the reference's form"
    );

    let balance = json(&sandbox.run(folder.path(), &["balance", "--json"]));
    for (name, value) in [
        ("totalCreditQuota", 100),
        ("creditsUsed", 10),
        ("creditsLeft", 90),
        ("maxDurationSeconds", 60),
    ] {
        assert_eq!(balance[name], value, "{name}");
    }

    assert_eq!(sandbox.end(), Some(0));
}

#[test]
fn a_job_is_waited_for_and_delivered_as_is_asked() {
    let folder = tempdir().unwrap();
    let sandbox = Sandbox::start(folder.path(), &["--render-time", "1ms"]);
    let left = sandbox.run(folder.path(), &["generate", "music", "--no-wait"]);
    let id = stdout(&left).trim().to_owned();

    let waited = sandbox.run(folder.path(), &["wait", &id, "--poll-interval", "10ms"]);
    assert_eq!(code(&waited), 0, "{}", stderr(&waited));
    assert_eq!(stdout(&waited), format!("music-{id}.wav\n"));
    assert_eq!(
        code(&sandbox.run(folder.path(), &["wait", &id, "--force", "-q"])),
        0
    );

    let links = sandbox.run(
        folder.path(),
        &[
            "generate",
            "music",
            "--no-download",
            "--poll-interval",
            "5ms",
        ],
    );
    assert!(
        stdout(&links).starts_with("http://127.0.0.1:"),
        "{}",
        stdout(&links)
    );
    let piped = sandbox.run(folder.path(), &["wait", &id, "-o", "-"]);
    assert!(piped.stdout.starts_with(b"RIFF") && piped.stdout.len() == 640_044);
    assert_eq!(sandbox.end(), Some(0));
}

#[test]
fn a_prompt_is_read_from_standard_input() {
    let folder = tempdir().unwrap();
    let sandbox = Sandbox::start(folder.path(), &["--render-time", "1ms"]);
    let mut process = sandbox
        .genrex(folder.path(), &["generate", "-", "--no-wait", "--json"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    std::io::Write::write_all(
        &mut process.stdin.take().unwrap(),
        "piped música\n".as_bytes(),
    )
    .unwrap();
    let made: Value = serde_json::from_slice(&process.wait_with_output().unwrap().stdout).unwrap();
    let id = made["queryId"].as_str().unwrap();
    let status = json(&sandbox.run(folder.path(), &["status", id, "--json"]));
    assert_eq!(status["content"]["text"], "piped música");
}

/// The server asks for more time than the deadline leaves, so that nothing is waited for.
#[test]
fn a_deadline_has_its_code_and_says_how_to_go_on() {
    let folder = tempdir().unwrap();
    let server = FaultServer::start((0..10).map(|_| Act::KeepAlive(accept_and_put_off)));
    let sandbox = Sandbox::start(folder.path(), &[]);
    let (url, limit) = (server.url(), ["--timeout", "4m", "--json"]);
    let args = [&["generate", "a", "--base-url", &url], &limit[..]].concat();
    let late = sandbox.run(folder.path(), &args);
    assert_eq!(code(&late), 5, "{}", stderr(&late));
    let late = error(&late);
    assert_eq!(late["kind"], "deadline");
    assert_eq!(late["queryId"], "QRY_1");
    let resume = late["resume"].as_str().unwrap();
    assert!(resume.starts_with("genrex wait QRY_1"), "{resume}");
}

/// Accepts a job, and asks everyone who then asks after it to come back in 300 s.
fn accept_and_put_off(request: &Received) -> Vec<u8> {
    let (head, body) = match request.line.rsplit('/').next() {
        Some("getBalance") => ("200 OK", r#"{"creditQuota":100,"usedCredit":0}"#),
        Some("generateMusic") => ("201 Created", r#"{"id":"QRY_1","status":"Processing"}"#),
        _ => ("429 Later\r\nRetry-After: 300", ""),
    };
    let length = body.len();
    format!("HTTP/1.1 {head}\r\nContent-Length: {length}\r\n\r\n{body}").into_bytes()
}

#[test]
fn each_failure_has_its_code_and_says_what_to_do() {
    let folder = tempdir().unwrap();
    let sandbox = Sandbox::start(folder.path(), &["--render-time", "1h", "--quota", "12"]);

    let made = json(&sandbox.run(folder.path(), &["generate", "a", "--no-wait", "--json"]));
    let id = made["queryId"].as_str().unwrap();
    let late = ["wait", id, "--timeout", "1ms", "--json"];
    let late = sandbox.run(folder.path(), &late);
    assert_eq!(code(&late), 5, "{}", stderr(&late));
    let late = error(&late);
    assert_eq!(late["kind"], "deadline");
    assert_eq!(late["resume"], format!("genrex wait {id}"));

    let broke = sandbox.run(folder.path(), &["generate", "a", "--new", "--json"]);
    assert_eq!(
        (code(&broke), error(&broke)["kind"].as_str().unwrap()),
        (6, "outOfCredit")
    );

    let unknown = sandbox.run(folder.path(), &["status", "QRY_unknown"]);
    assert_eq!(code(&unknown), 1);

    let mut stranger = sandbox.genrex(folder.path(), &["balance", "--json"]);
    let stranger = stranger.env("GENREX_API_SECRET", "wrong").output().unwrap();
    assert_eq!(
        (code(&stranger), error(&stranger)["kind"].as_str().unwrap()),
        (3, "credentials")
    );

    let failing = Sandbox::start(folder.path(), &["--render-time", "1ms"]);
    let failed = failing.run(
        folder.path(),
        &[
            "generate",
            "sandbox:fail",
            "--json",
            "--poll-interval",
            "5ms",
        ],
    );
    assert_eq!(
        (code(&failed), error(&failed)["kind"].as_str().unwrap()),
        (4, "generationFailed")
    );

    let gone = failing.url.clone();
    drop(failing);
    let mut unreachable =
        sandbox.genrex(folder.path(), &["balance", "--json", "--base-url", &gone]);
    let unreachable = unreachable.output().unwrap();
    assert_eq!(
        (
            code(&unreachable),
            error(&unreachable)["kind"].as_str().unwrap()
        ),
        (8, "unreachable")
    );
}

#[test]
fn a_name_that_is_taken_is_found_out_before_anything_is_paid() {
    let folder = tempdir().unwrap();
    let sandbox = Sandbox::start(folder.path(), &["--render-time", "1ms"]);
    fs::write(folder.path().join("song.wav"), "precious").unwrap();
    let refused = sandbox.run(folder.path(), &["generate", "a", "-o", "song.wav"]);
    assert_eq!(code(&refused), 2);
    assert!(stderr(&refused).contains("--force"), "{}", stderr(&refused));
    let balance = json(&sandbox.run(folder.path(), &["balance", "--json"]));
    assert_eq!(balance["creditsUsed"], 0);
    assert_eq!(
        fs::read(folder.path().join("song.wav")).unwrap(),
        b"precious"
    );
    fs::create_dir(folder.path().join("out")).unwrap();
    let placed = sandbox.run(
        folder.path(),
        &[
            "generate",
            "a b",
            "-o",
            "out",
            "--poll-interval",
            "5ms",
            "-d",
            "5",
        ],
    );
    assert!(
        stdout(&placed).starts_with("out/a-b-QRY_"),
        "{} {}",
        stdout(&placed),
        stderr(&placed)
    );
}

#[test]
fn an_ambiguous_submit_is_7_and_says_how_to_find_out() {
    let folder = tempdir().unwrap();
    let service = Played::start();
    let url = service.url.clone();
    let server = std::thread::spawn(move || {
        // The whole request is here; the answer is not.
        drop(service.next());
        service
    });
    let sandbox = Sandbox::start(folder.path(), &[]);
    let lost = sandbox.run(folder.path(), &["generate", "a", "--base-url", &url]);
    assert_eq!(code(&lost), 7, "{}", stderr(&lost));
    let said = stderr(&lost);
    assert!(said.contains("genrex jobs reconcile 1"), "{said}");
    assert!(
        !server.join().unwrap().has_more(),
        "it was sent a second time"
    );
}

#[test]
fn a_server_cannot_write_to_the_terminal() {
    use std::io::{Read as _, Write as _};
    let folder = tempdir().unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let _ = stream.read(&mut [0; 4096]);
        let body = "{\"message\":\"\u{1b}]0;owned\u{7}\u{202e}evil\"}";
        write!(
            stream,
            "HTTP/1.1 400 Bad\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
        .unwrap();
    });
    let sandbox = Sandbox::start(folder.path(), &[]);
    let refused = sandbox.run(
        folder.path(),
        &["balance", "--base-url", &url, "--color", "never"],
    );
    server.join().unwrap();
    let shown = stderr(&refused);
    assert!(
        shown.contains(r"\u{1b}]0;owned")
            && !shown.contains('\u{1b}')
            && !shown.contains('\u{202e}'),
        "{shown:?}"
    );
}

/// A service played by hand: answers each connection with the next of these, and then is gone.
fn played(answers: Vec<(u16, &'static str)>) -> (String, std::thread::JoinHandle<()>) {
    let service = Played::start();
    let url = service.url.clone();
    let server = std::thread::spawn(move || {
        for (status, body) in answers {
            answer(&mut service.next(), &format!("{status} S"), body);
        }
    });
    (url, server)
}

/// After the job was paid for, no exit code and no word may say that nothing was.
#[test]
fn a_paid_job_that_cannot_be_brought_home_is_1_with_the_command_to_resume() {
    const ACCEPTED: (u16, &str) = (201, r#"{"id":"QRY_1","status":"Processing"}"#);
    let folder = tempdir().unwrap();
    let sandbox = Sandbox::start(folder.path(), &[]);
    for then in [
        (400, r#"{"message":"odd"}"#),
        (401, "{}"),
        (302, ""),
        (
            200,
            r#"{"id":"QRY_1","status":"Completed","response":[{"content":{"url":"ftp://x"}}]}"#,
        ),
    ] {
        let (url, server) = played(vec![ACCEPTED, then, then, then]);
        let lost = sandbox.run(
            folder.path(),
            &[
                "generate",
                "a",
                "--base-url",
                &url,
                "--poll-interval",
                "10ms",
                "--json",
            ],
        );
        let said = error(&lost);
        let expected = if then.0 == 401 { 3 } else { 1 };
        assert_eq!(code(&lost), expected, "{then:?} {said}");
        assert!(!said.to_string().contains("nothing was"), "{said}");
        assert_eq!(
            said["resume"],
            format!("genrex wait QRY_1 --base-url {url}")
        );
        drop(server);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn an_id_that_cannot_be_printed_goes_to_standard_error() {
    let folder = tempdir().unwrap();
    let sandbox = Sandbox::start(folder.path(), &[]);
    let full = fs::OpenOptions::new()
        .write(true)
        .open("/dev/full")
        .unwrap();
    let lost = sandbox
        .genrex(folder.path(), &["generate", "a", "--no-wait", "--json"])
        .stdout(full)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
        .wait_with_output()
        .unwrap();
    assert_eq!(code(&lost), 1);
    assert!(
        error(&lost)["queryId"]
            .as_str()
            .unwrap()
            .starts_with("QRY_")
    );
}

#[test]
fn what_cannot_be_stored_is_found_out_before_anything_is_paid() {
    let folder = tempdir().unwrap();
    let sandbox = Sandbox::start(folder.path(), &[]);
    let (long, with_id) = ("x".repeat(242), format!("{}{{id}}", "x".repeat(120)));
    for output in ["missing/", "missing/a.wav", "/proc/", &long, &with_id] {
        let refused = sandbox.run(folder.path(), &["generate", "a", "-o", output]);
        assert_eq!(code(&refused), 2, "{output} {}", stderr(&refused));
        assert!(
            stderr(&refused).contains("nothing was sent"),
            "{}",
            stderr(&refused)
        );
    }
    let both = sandbox.run(folder.path(), &["generate", "a", "--json", "-o", "-"]);
    assert_eq!(code(&both), 2);
    let balance = json(&sandbox.run(folder.path(), &["balance", "--json"]));
    assert_eq!(balance["creditsUsed"], 0);
}

#[test]
fn a_server_cannot_write_to_the_terminal_through_json_either() {
    let folder = tempdir().unwrap();
    let sandbox = Sandbox::start(folder.path(), &[]);
    let status = "{\"id\":\"QRY_1\",\"status\":\"a\u{9b}31m\u{202e}\u{7f}b\"}";
    let (url, server) = played(vec![(200, status)]);
    let shown = sandbox.run(
        folder.path(),
        &["status", "QRY_1", "--json", "--base-url", &url],
    );
    server.join().unwrap();
    let text = stdout(&shown);
    assert!(!text.contains(['\u{9b}', '\u{202e}', '\u{7f}']), "{text:?}");
    assert_eq!(json(&shown)["status"], "a\u{9b}31m\u{202e}\u{7f}b");
}

#[test]
fn bad_usage_is_json_too_when_json_is_asked_for() {
    let folder = tempdir().unwrap();
    let refused = run(folder.path(), &["--json", "generate"]);
    assert_eq!((code(&refused), stdout(&refused)), (2, String::new()));
    assert_eq!(error(&refused)["kind"], "usage");
}

// Taken in once per client: `stack`, `run` and `builder` are the parent's.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use genrex_sandbox::{Dialect, Options, Sandbox};
use genrex_tests::{Act, FaultServer, Stack, answer, json};

use super::stack::{
    ApiKey, ApiSecret, BaseUrl, Client, ErrorKind, Existing, GenerateRequest, KeyPair, Pace,
    Progress, Prompt, QueryId, Seconds, Status, Submission,
};
use super::{builder, run};

pub(super) fn sandbox(set: impl FnOnce(&mut Options)) -> Sandbox {
    let mut options = Options::default();
    options.render_time = Duration::from_millis(1);
    set(&mut options);
    Stack::runtime().block_on(Sandbox::start(options)).unwrap()
}

pub(super) fn client(sandbox: &Sandbox) -> Client {
    client_with(sandbox.url(), "sandbox-key", "sandbox-secret")
}

fn client_with(url: &str, key: &str, secret: &str) -> Client {
    let keys = KeyPair::new(ApiKey::new(key).unwrap(), ApiSecret::new(secret).unwrap());
    builder()
        .key_pair(keys)
        .base_url(BaseUrl::new(url).unwrap())
        .pace(Pace::Fixed(Duration::from_millis(5)))
        .deadline(Some(Duration::from_secs(60)))
        .build()
        .unwrap()
}

pub(super) fn request(text: &str, seconds: u32) -> GenerateRequest {
    GenerateRequest::new(Prompt::new(text).unwrap(), Seconds::new(seconds).unwrap())
}

#[test]
fn from_prompt_to_wav_in_both_dialects() {
    for dialect in [Dialect::QuickStart, Dialect::Reference] {
        let sandbox = sandbox(|options| options.dialect = dialect);
        let client = client(&sandbox);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("edm.wav");

        let track = run(client.generate(&request("intense EDM", 5))).unwrap();
        let done = run(client.download(track.audio(), &path)).unwrap();

        let bytes = std::fs::read(&path).unwrap();
        assert_eq!(done.bytes, bytes.len() as u64);
        assert_eq!(bytes.len(), 44 + 5 * 32_000 * 2);
        assert_eq!(done.duration, Some(Duration::from_secs(5)));
        assert_eq!(track.audio().waveform().unwrap().values().len(), 1000);
        let names: Vec<_> = std::fs::read_dir(folder.path()).unwrap().collect();
        assert_eq!(names.len(), 1, "nothing is left beside the file");

        let mut written = Vec::new();
        let again = run(client.download_to(track.audio(), &mut written)).unwrap();
        assert!(written == bytes && again.sha256 == done.sha256);
    }
}

#[test]
fn a_file_is_kept_unless_it_is_to_be_replaced() {
    let sandbox = sandbox(|_| ());
    let client = client(&sandbox);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("song.wav");
    std::fs::write(&path, "precious").unwrap();
    let track = run(client.generate(&request("music", 5))).unwrap();
    let error = run(client.download(track.audio(), &path)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Storage);
    assert_eq!(std::fs::read(&path).unwrap(), b"precious");
    run(client.download_over(track.audio(), &path, Existing::Replace)).unwrap();
    assert!(std::fs::read(&path).unwrap().starts_with(b"RIFF"));
}

#[test]
fn a_job_is_taken_up_again_by_its_id() {
    let sandbox = sandbox(|_| ());
    let Submission::Accepted(job) = run(client(&sandbox).submit(&request("music", 5))) else {
        panic!("not accepted");
    };
    let id = job.id().to_string();
    let later = client(&sandbox);
    let job = later.job(QueryId::new(id.as_str()).unwrap());
    assert_eq!(run(later.wait(&job)).unwrap().id().as_str(), id);
    assert_eq!(sandbox.accepted(), 1);
}

#[test]
fn credits_are_as_the_account_says() {
    let sandbox = sandbox(|options| options.quota = 12);
    let client = client(&sandbox);
    assert_eq!(run(client.balance()).unwrap().credits_left(), 12);
    run(client.generate(&request("music", 10))).unwrap();
    assert_eq!(run(client.balance()).unwrap().credits_left(), 2);
    let error = run(client.generate(&request("music", 5))).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::OutOfCredit);
    assert!(!error.may_have_been_charged());
    assert_eq!(sandbox.credits_used(), 10);
}

#[test]
fn a_failed_generation_says_so_with_its_id() {
    let sandbox = sandbox(|_| ());
    let error = run(client(&sandbox).generate(&request("sandbox:fail", 5))).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::GenerationFailed);
    assert!(error.query_id().is_some() && !error.is_resumable());
}

#[test]
fn a_deadline_keeps_the_job() {
    let sandbox = sandbox(|options| options.render_time = Duration::from_secs(3600));
    let client = client(&sandbox);
    let mut settings = *client.settings();
    settings.deadline = Some(Duration::from_millis(300));
    let client = client.with_settings(settings);
    let error = run(client.generate(&request("music", 5))).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Deadline);
    let waited = error.waited().unwrap();
    assert_eq!(waited.limit, settings.deadline);
    assert_eq!(waited.last_status, Some(Status::Processing));
    let running = run(client.retrieve(error.query_id().unwrap())).unwrap();
    assert_eq!(running.status, Status::Processing);
}

#[test]
fn wrong_keys_and_unknown_jobs_are_told_apart() {
    let sandbox = sandbox(|_| ());
    for (key, secret) in [("sandbox-key", "wrong"), ("wrong", "sandbox-secret")] {
        let error = run(client_with(sandbox.url(), key, secret).balance()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Credentials);
        assert_eq!(error.status(), Some(401));
    }
    let unknown = QueryId::new("QRY_unknown").unwrap();
    let error = run(client(&sandbox).retrieve(&unknown)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

/// By servers that answer by a script, so that a slow machine sees the same as a fast one.
#[test]
fn progress_is_told_in_order() {
    const ACCEPTED: &str = r#"{"id":"QRY_1","status":"Processing"}"#;
    let store = FaultServer::start([Act::Write(answer(200, &[], silence()))]);
    let link = format!("{}/1.wav", store.url());
    let ready = format!(
        r#"{{"id":"QRY_1","status":"Completed","response":[{{"content":{{"url":"{link}"}}}}]}}"#
    );
    let service = FaultServer::start([
        Act::Write(json(201, ACCEPTED)),
        Act::Write(json(200, ACCEPTED)),
        Act::Write(json(200, &ready)),
    ]);
    let log = Arc::new(Mutex::new(Vec::new()));
    let watcher = Arc::clone(&log);
    let client = client_with(&service.url(), "key", "secret")
        .on_progress(move |progress| watcher.lock().unwrap().push(progress.clone()));
    let track = run(client.generate(&request("music", 5))).unwrap();
    run(client.download_to(track.audio(), Vec::new())).unwrap();
    let log = log.lock().unwrap();
    let place = |wanted: fn(&Progress) -> bool| log.iter().position(wanted).unwrap();
    let submitting = place(|progress| matches!(progress, Progress::Submitting { attempt: 1, .. }));
    let accepted = place(|progress| matches!(progress, Progress::Accepted { .. }));
    let polled = place(|progress| matches!(progress, Progress::Polled { .. }));
    let downloading = place(|progress| matches!(progress, Progress::Downloading { .. }));
    assert!(submitting < accepted && accepted < polled && polled < downloading);
    assert!(matches!(
        log.last(),
        Some(Progress::Downloading {
            received: 144,
            total: Some(144),
            ..
        })
    ));
}

/// A WAVE file of 100 bytes of silence.
fn silence() -> Vec<u8> {
    let mut bytes = b"RIFF\x88\0\0\0WAVEfmt \x10\0\0\0".to_vec();
    bytes.extend(b"\x01\0\x01\0\0\x7d\0\0\0\xfa\0\0\x02\0\x10\0data\x64\0\0\0");
    bytes.resize(144, 0);
    bytes
}

#[test]
fn a_client_needs_keys() {
    let error = builder().build().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Credentials);
}

#[test]
fn fifty_at_once_over_one_client() {
    let sandbox = sandbox(|_| ());
    let client = client(&sandbox);
    std::thread::scope(|scope| {
        for index in 0..50 {
            let client = client.clone();
            scope.spawn(move || {
                let track = run(client.generate(&request(&format!("piece {index}"), 5))).unwrap();
                let mut written = Vec::new();
                run(client.download_to(track.audio(), &mut written)).unwrap();
                assert_eq!(written.len(), 320_044);
            });
        }
    });
    assert_eq!((sandbox.accepted(), sandbox.credits_used()), (50, 250));
}

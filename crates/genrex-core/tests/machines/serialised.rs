//! What is written down of a job, and read again by another process.

use std::time::Duration;

use genrex_core::ledger::LocalId;
use genrex_core::proto::{Generation, Status};
use genrex_core::testing::{Reply, ScriptedTransport};
use genrex_core::{
    Audio, Error, ErrorKind, Evidence, Progress, Submission, Track, TransportErrorKind, block_on,
};
use serde_json::json;

use crate::support::{client, job, request, watched};

const SECRET: &str = "s3cr3t";

fn answer(status: &str) -> Generation {
    let answer = json!({
        "id": "QRY_1",
        "status": status,
        "content": {"text": "music", "duration": 10.5},
        "metadata": "https://a.example/0.wav?Signature=s3cr3t",
        "response": [{
            "content": [
                {"url": "https://a.example/1.wav?Signature=s3cr3t"},
                {"url": "https://s3cr3t:s3cr3t@a.example/2.wav?Signature=s3cr3t#s3cr3t"},
            ],
            "metadata": [{"volume_visualize": [1, 2, 3]}],
            "hint": "https://a.example/3.wav?Signature=s3cr3t",
        }],
    });
    serde_json::from_value(answer).unwrap()
}

fn track() -> Track {
    let wire = ScriptedTransport::new([Reply::json(
        200,
        serde_json::to_vec(&answer("Completed").with_links()).unwrap(),
    )
    .after(Duration::from_millis(1500))]);
    let track = block_on(client(&wire).wait(&job())).unwrap();
    track.kept_as(LocalId(7))
}

#[test]
fn a_track_and_its_audio_are_written_without_links_unless_they_are_asked_for() {
    let track = track();
    for (name, shown) in [
        ("a track", serde_json::to_string(&track).unwrap()),
        ("audio", serde_json::to_string(track.assets()).unwrap()),
        ("a track's Debug", format!("{track:?} {track:#?}")),
        ("audio's Debug", format!("{:?}", track.assets())),
    ] {
        assert!(!shown.contains(SECRET), "{name}: {shown}");
        assert!(shown.contains("a.example/1.wav"), "{name}: {shown}");
    }
    assert_eq!(
        serde_json::to_value(track.audio()).unwrap(),
        json!({
            "job": "QRY_1",
            "localId": 7,
            "index": 0,
            "url": "https://a.example/1.wav",
            "waveform": [1, 2, 3],
        })
    );
    let whole = serde_json::to_string(&track.with_links()).unwrap();
    assert_eq!(serde_json::from_str::<Track>(&whole).unwrap(), track);
    let whole = serde_json::to_string(&track.assets()[1].with_links()).unwrap();
    assert_eq!(
        serde_json::from_str::<Audio>(&whole).unwrap(),
        track.assets()[1]
    );

    let bare: Track = serde_json::from_str(&serde_json::to_string(&track).unwrap()).unwrap();
    assert_eq!(bare.audio().url(), "https://a.example/1.wav");
    assert_eq!(
        (bare.id(), bare.local_id(), bare.elapsed(), bare.polls()),
        (track.id(), track.local_id(), track.elapsed(), track.polls())
    );
    assert_eq!(bare.elapsed(), Duration::from_millis(1500));
    assert_eq!(bare.audio().waveform(), track.audio().waveform());
}

#[test]
fn a_link_that_was_written_without_its_query_is_asked_for_afresh() {
    let bare = serde_json::to_string(track().audio()).unwrap();
    let audio: Audio = serde_json::from_str(&bare).unwrap();
    let wire = ScriptedTransport::answering(|sent| {
        let uri = &sent.request.uri();
        match (uri.path(), uri.query()) {
            ("/v1/text2music/retrieve", _) => Reply::json(
                200,
                serde_json::to_vec(&answer("Completed").with_links()).unwrap(),
            ),
            ("/1.wav", Some(_)) => Reply::new(200, crate::download::wav())
                .header("content-length", &crate::download::LENGTH.to_string()),
            _ => Reply::new(403, "<Error>"),
        }
    });
    let mut sink = crate::download::Memory::default();
    block_on(client(&wire).download(&audio, &mut sink)).unwrap();
    assert!(sink.committed);
    assert_eq!(wire.sent().len(), 3);
}

#[test]
fn only_a_completed_answer_with_a_link_is_a_track() {
    let track = Track::try_from(answer("Completed")).unwrap();
    assert_eq!(track.assets().len(), 2);
    assert_eq!((track.polls(), track.elapsed()), (0, Duration::ZERO));
    let mut linkless = answer("Completed");
    linkless.response.clear();
    let mut elsewhere = answer("Completed");
    elsewhere.response[0].content[0].url = Some(String::from("file:///etc/passwd"));
    let refused: [(Generation, ErrorKind); 5] = [
        (answer("Processing"), ErrorKind::NotCompleted),
        (answer("Queued"), ErrorKind::NotCompleted),
        (answer("Failed"), ErrorKind::GenerationFailed),
        (linkless, ErrorKind::UnexpectedAnswer),
        (elsewhere, ErrorKind::UnexpectedAnswer),
    ];
    for (generation, kind) in refused {
        let status = generation.status.clone();
        let written = serde_json::to_string(&json!({
            "generation": &generation, "elapsed": {"secs": 0, "nanos": 0}, "polls": 1,
        }));
        serde_json::from_str::<Track>(&written.unwrap()).unwrap_err();
        let error: Error = Track::try_from(generation).unwrap_err();
        assert_eq!(error.kind(), kind, "{status}");
        assert_eq!(error.query_id().unwrap().as_str(), "QRY_1");
    }
    assert_eq!(track.generation().status, Status::Completed);
}

/// Of every operation, with every report that comes of it.
#[test]
fn progress_is_read_as_it_was_written() {
    let wire = ScriptedTransport::new([
        Reply::new(429, ""),
        Reply::json(201, r#"{"id":"QRY_1","status":"Processing"}"#),
        Reply::json(200, r#"{"id":"QRY_1","status":"Queued"}"#),
        Reply::json(
            200,
            serde_json::to_vec(&answer("Completed").with_links()).unwrap(),
        ),
        Reply::new(403, ""),
        Reply::json(
            200,
            serde_json::to_vec(&answer("Completed").with_links()).unwrap(),
        ),
        Reply::new(200, crate::download::wav()),
    ]);
    let (client, reports) = watched(&client(&wire));
    let track = block_on(client.generate(&request())).unwrap();
    let mut sink = crate::download::Memory::default();
    block_on(client.download(track.audio(), &mut sink)).unwrap();
    let reports = reports.lock().unwrap();
    assert!(reports.len() > 7, "{reports:?}");
    for report in &*reports {
        let written = serde_json::to_string(report).unwrap();
        assert!(!written.contains(SECRET), "{written}");
        assert_eq!(serde_json::from_str::<Progress>(&written).unwrap(), *report);
    }
    assert_eq!(
        serde_json::to_value(&reports[1]).unwrap()["event"],
        "retrying"
    );
    assert_eq!(
        serde_json::to_value(&reports[1]).unwrap()["kind"],
        "rateLimited"
    );
}

#[test]
fn evidence_is_read_as_it_was_written() {
    let broken = || {
        Reply::json(201, "see https://a.example/1.wav?Signature=s3cr3t")
            .then_breaks(TransportErrorKind::Closed)
    };
    let lost = || Reply::fails(TransportErrorKind::Closed);
    for reply in [broken(), lost()] {
        let wire = ScriptedTransport::new([reply.after(Duration::from_millis(1500))]);
        let Submission::Ambiguous(error) = block_on(client(&wire).submit(&request())) else {
            panic!("it may have been charged");
        };
        let evidence = error.evidence().unwrap();
        let written = serde_json::to_string(evidence).unwrap();
        assert!(!written.contains(SECRET), "{written}");
        assert_eq!(
            serde_json::from_str::<Evidence>(&written).unwrap(),
            *evidence
        );
    }
}

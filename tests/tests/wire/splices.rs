//! Two files are never made into one: what broke off is gone on from at the place it came from, and nowhere else.

use genrex_tests::{Act, FaultServer, Received, Stack, answer, wav};

use crate::support::{Memory, client, job, ready_at};

/// As long as [`wav`], and another piece.
fn other() -> Vec<u8> {
    let mut bytes = wav();
    for byte in &mut bytes[44..] {
        *byte ^= 0xff;
    }
    bytes
}

fn with(etag: Option<&str>) -> Vec<(&str, &str)> {
    etag.map(|etag| ("ETag", etag)).into_iter().collect()
}

/// The first file's beginning, under its whole length.
fn cut(etag: Option<&str>) -> Act {
    let mut whole = answer(200, &with(etag), wav());
    let body = whole.len() - wav().len();
    whole.truncate(body + 30_000);
    Act::Write(whole)
}

/// The second file, from wherever it is asked for.
fn goes_on(etag: Option<&'static str>) -> Act {
    Act::Make(Box::new(move |request: &Received| {
        let whole = other();
        let range = request.header("range");
        let start = range.and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-'));
        let Some(start) = start.map(|start| start.parse::<usize>().unwrap()) else {
            return answer(200, &with(etag), whole);
        };
        let place = format!("bytes {start}-{}/{}", whole.len() - 1, whole.len());
        let mut headers = with(etag);
        headers.push(("Content-Range", &place));
        answer(206, &headers, &whole[start..])
    }))
}

fn to(location: &str) -> Act {
    Act::Write(answer(302, &[("Location", location)], ""))
}

/// Downloads; what was committed must be the second file.
fn check(name: &str, stack: Stack, link: Vec<Act>) {
    let server = FaultServer::start(link);
    let client = client(stack, &server.url());
    let track = stack.run(client.wait(&job())).unwrap();
    let mut sink = Memory::default();
    let result = stack.run(client.download(track.audio(), &mut sink));
    assert!(
        result.is_ok() && sink.committed,
        "{name} {stack:?}: {result:?}"
    );
    assert!(
        sink.bytes == other(),
        "{name} {stack:?}: what was committed is not one file"
    );
}

/// No part was asked for by the last request that a storage received.
fn check_whole(name: &str, stack: Stack, storage: &FaultServer, path: &str) {
    let last = storage.received().pop().unwrap();
    assert!(last.line.contains(path), "{name} {stack:?}: {}", last.line);
    assert_eq!(last.header("range"), None, "{name} {stack:?}");
}

const ETAGS: [(&str, Option<&str>); 3] = [
    ("equal", Some("\"v1\"")),
    ("weak", Some("W/\"v1\"")),
    ("none", None),
];

#[test]
fn a_redirect_to_another_origin_starts_from_zero_over_both() {
    for stack in Stack::BOTH {
        for (name, etag) in ETAGS {
            let far = FaultServer::start([goes_on(etag)]);
            let near = FaultServer::start([cut(etag), to(&format!("{}/1.wav", far.url()))]);
            let link = ready_at(&format!("{}/1.wav", near.url()));
            check(name, stack, vec![link]);
            check_whole(name, stack, &far, "/1.wav");
        }
    }
}

#[test]
fn a_redirect_to_another_path_starts_from_zero_over_both() {
    for stack in Stack::BOTH {
        for (name, etag) in ETAGS {
            let store = FaultServer::start([cut(etag), to("/2.wav"), goes_on(etag)]);
            let link = ready_at(&format!("{}/1.wav", store.url()));
            check(name, stack, vec![link]);
            check_whole(name, stack, &store, "/2.wav");
        }
    }
}

/// The fresh link is the first one's place; the bytes came from where it had led to.
#[test]
fn a_fresh_link_to_another_file_starts_from_zero_over_both() {
    for stack in Stack::BOTH {
        for (name, etag) in ETAGS {
            let far = FaultServer::start([cut(etag), Act::Write(answer(403, &[], "<Error>"))]);
            let near = FaultServer::start([to(&format!("{}/1.wav", far.url())), goes_on(etag)]);
            let link = || ready_at(&format!("{}/1.wav?Signature=s3cr3t", near.url()));
            check(name, stack, vec![link(), link()]);
            check_whole(name, stack, &near, "/1.wav");
        }
    }
}

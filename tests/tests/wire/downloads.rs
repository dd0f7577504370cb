//! Downloads: going on after a cut, redirects, links that have expired.

use genrex_core::ErrorKind;
use genrex_tests::{Act, FaultServer, Received, Stack, answer, wav};

use crate::support::{
    check_no_credentials, check_signatures, client, client_unanswered, fetch, job, ready_at,
};

/// Storage that answers as it should, for one request.
fn storage() -> Act {
    Act::Make(Box::new(|request: &Received| {
        let whole = wav();
        let start = request
            .header("range")
            .and_then(|range| {
                range
                    .strip_prefix("bytes=")?
                    .strip_suffix('-')?
                    .parse::<usize>()
                    .ok()
            })
            .filter(|_| request.header("if-range") == Some("\"v1\""));
        match start {
            None => answer(200, &[("ETag", "\"v1\"")], whole),
            Some(start) => {
                let place = format!("bytes {start}-{}/{}", whole.len() - 1, whole.len());
                answer(
                    206,
                    &[("ETag", "\"v1\""), ("Content-Range", &place)],
                    &whole[start..],
                )
            }
        }
    }))
}

/// The file's first bytes, under its whole length.
fn cut_at(bytes: usize) -> Act {
    let mut whole = answer(200, &[("ETag", "\"v1\"")], wav());
    let body = whole.len() - wav().len();
    whole.truncate(body + bytes);
    Act::Write(whole)
}

#[test]
fn a_download_goes_on_where_it_broke_off_and_carries_no_credential() {
    for stack in Stack::BOTH {
        let store = FaultServer::start([cut_at(30_000), Act::ResetRead, Act::Hang, storage()]);
        let server =
            FaultServer::start([ready_at(&format!("{}/1.wav?Signature=s3cr3t", store.url()))]);
        // The wait's one, and two before the store's that hangs.
        let client = client_unanswered(stack, &server.url(), [3]);
        let track = stack.run(client.wait(&job())).unwrap();
        assert_eq!(
            fetch(stack, &client, &track).unwrap().bytes,
            100_044,
            "{stack:?}"
        );
        let asked = store.received();
        assert_eq!(asked.len(), 4);
        assert_eq!(asked[3].header("range"), Some("bytes=30000-"));
        assert!(
            asked
                .iter()
                .all(|request| request.header("accept-encoding").is_none())
        );
        check_no_credentials(&asked).unwrap();
    }
}

#[test]
fn a_download_follows_redirects_itself_and_checks_each() {
    for stack in Stack::BOTH {
        let far = FaultServer::start([storage()]);
        let near = FaultServer::start([Act::Write(answer(
            302,
            &[("Location", &format!("{}/2.wav", far.url()))],
            "",
        ))]);
        let server = FaultServer::start([ready_at(&format!("{}/1.wav", near.url()))]);
        let client = client(stack, &server.url());
        let track = stack.run(client.wait(&job())).unwrap();
        fetch(stack, &client, &track).unwrap();
        check_no_credentials(&[near.received(), far.received()].concat()).unwrap();

        let sly = FaultServer::start([Act::Write(answer(
            302,
            &[("Location", "file:///etc/passwd")],
            "",
        ))]);
        let server = FaultServer::start([ready_at(&format!("{}/1.wav", sly.url()))]);
        let client = crate::support::client(stack, &server.url());
        let track = stack.run(client.wait(&job())).unwrap();
        assert_eq!(
            fetch(stack, &client, &track),
            Err(ErrorKind::UnexpectedAnswer)
        );
    }
}

#[test]
fn an_expired_link_is_renewed_over_both() {
    for stack in Stack::BOTH {
        let store = FaultServer::start([Act::Write(answer(403, &[], "<Error>")), storage()]);
        let link = || ready_at(&format!("{}/1.wav", store.url()));
        let server = FaultServer::start([link(), link()]);
        let client = client(stack, &server.url());
        let track = stack.run(client.wait(&job())).unwrap();
        fetch(stack, &client, &track).unwrap();
        check_signatures(&server.received()).unwrap();
    }
}

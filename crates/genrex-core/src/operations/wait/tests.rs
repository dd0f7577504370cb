use genrex_proto::QueryId;
use genrex_sign::UnixMillis;

use super::*;
use crate::testing::keys;
use crate::{BaseUrl, Settings};

fn at(seconds: u64) -> Now {
    Now {
        moment: Moment::new(Duration::from_secs(seconds)),
        wall: UnixMillis::new(1_717_574_785_354 + seconds * 1000),
    }
}

fn now() -> Now {
    at(0)
}

fn session() -> Arc<Session> {
    Arc::new(Session::new(BaseUrl::default(), keys(), 7).unwrap())
}

fn terms(pace: Pace) -> Terms {
    let settings = Settings {
        pace,
        ..Settings::default()
    };
    Terms::free(None, settings)
}

fn job() -> Job {
    Job::resumed(QueryId::new("QRY_1").unwrap())
}

fn wait(is_kept: bool) -> Wait {
    Wait::new(session(), job(), terms(Pace::default()), is_kept)
}

#[test]
fn an_outcome_that_no_step_asked_for_ends_it_with_the_job_named() {
    for (is_kept, told) in [
        (true, Outcome::Stored),
        (true, Outcome::Slept),
        (false, Outcome::Stored),
        (false, Outcome::End),
        (false, Outcome::Kept(Ok(Kept::Done))),
    ] {
        let mut wait = wait(is_kept);
        wait.receive(now(), told);
        let Step::Done(Err(error)) = wait.next(now()) else {
            panic!("it goes on");
        };
        assert_eq!(error.kind(), ErrorKind::UnexpectedAnswer);
        assert_eq!(error.query_id().unwrap().as_str(), "QRY_1");
    }
}

/// Once is enough: a write for each poll would tell the ledger nothing new.
#[test]
fn a_ledger_is_told_once_that_a_job_is_being_made() {
    let mut wait = Wait::new(
        session(),
        job().kept_as(LocalId(1)),
        terms(Pace::Growing),
        true,
    );
    let (mut seconds, mut polls, mut told) = (0, 0, 0);
    while polls < 4 {
        let body = r#"{"id":"QRY_1","status":"Processing"}"#;
        let outcomes = match wait.next(at(seconds)) {
            Step::Report(_) => vec![],
            Step::Slot(..) => vec![Outcome::Slot],
            Step::Send(_) => {
                polls += 1;
                let head = http::Response::new(()).into_parts().0;
                let body = Outcome::Chunk(bytes::Bytes::from(body));
                vec![Outcome::Head(Box::new(head)), body, Outcome::End]
            }
            Step::Sleep(pause) => {
                seconds += pause.as_secs() + 1;
                vec![Outcome::Slept]
            }
            Step::Keep(call) => {
                assert!(matches!(*call, Keep::Event(LocalId(1), Event::Processing)));
                told += 1;
                vec![Outcome::Kept(Ok(Kept::Done))]
            }
            step => panic!("{step:?}"),
        };
        for outcome in outcomes {
            wait.receive(at(seconds), outcome);
        }
    }
    assert_eq!(told, 1);
}

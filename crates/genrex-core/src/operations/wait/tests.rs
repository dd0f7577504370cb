use genrex_proto::QueryId;
use genrex_sign::UnixMillis;

use super::*;
use crate::testing::keys;
use crate::{BaseUrl, Settings};

fn now() -> Now {
    Now {
        moment: Moment::new(Duration::ZERO),
        wall: UnixMillis::new(1_717_574_785_354),
    }
}

fn wait(is_kept: bool) -> Wait {
    let session = Arc::new(Session::new(BaseUrl::default(), keys(), 7).unwrap());
    let terms = Terms::free(None, Settings::default());
    let job = Job::resumed(QueryId::new("QRY_1").unwrap());
    Wait::new(session, job, terms, is_kept)
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

use bytes::Bytes;
use genrex_ledger::{Intent, Ledger as _, MemoryLedger};
use genrex_sign::UnixMillis;

use super::*;
use crate::testing::keys;
use crate::transport::{Cancelled, TransportError, TransportErrorKind};
use crate::{BaseUrl, Settings, block_on};

fn at(seconds: u64) -> Now {
    Now {
        moment: Moment::new(Duration::from_secs(seconds)),
        wall: UnixMillis::new(1_717_574_785_354 + seconds * 1000),
    }
}

fn account() -> Account {
    Account::new("https://a.example", "u")
}

/// That a purchase is to wait for this job, so many seconds.
fn why(job: i64, seconds: u64) -> ledger::Error {
    ledger::Error::new(ledger::ErrorKind::PriceUnknown, "scripted")
        .about(LocalId(job))
        .again_in(Duration::from_secs(seconds))
}

fn turn(deadline: Option<u64>) -> Turn {
    let session = Arc::new(Session::new(BaseUrl::default(), keys(), 7).unwrap());
    let terms = Terms::free(
        deadline.map(|seconds| at(seconds).moment),
        Settings::default(),
    );
    Turn::new(session, terms, account(), why(2, 3), at(0))
}

/// So many accepted jobs, `QRY_1` and on.
fn jobs(count: u32) -> Vec<Entry> {
    let ledger = MemoryLedger::new();
    for key in 1..=u128::from(count) {
        let intent = Intent::new(key, account(), "music", 10, b"{}");
        let id = block_on(ledger.intend(&intent, 0)).unwrap().id;
        let taken = Event::Accepted(QueryId::new(format!("QRY_{key}")).unwrap());
        for event in [Event::Sent, taken] {
            block_on(ledger.record(id, &event, 0)).unwrap();
        }
    }
    let mut filter = Filter::of(account());
    filter.oldest_first = true;
    block_on(ledger.entries(&filter)).unwrap()
}

/// What the service says of a job: a status, or one of HTTP.
#[derive(Clone, Copy)]
enum Says {
    Status(&'static str),
    Http(u16),
    Lost(TransportErrorKind),
}

type Service = fn(&str) -> Says;

/// A ledger with these jobs, and a service that says this of each.
struct Answers {
    now: Now,
    jobs: Vec<Entry>,
    says: Service,
    steps: Vec<String>,
}

impl Answers {
    fn new(jobs: Vec<Entry>, says: Service) -> Self {
        Self {
            now: at(0),
            jobs,
            says,
            steps: Vec::new(),
        }
    }

    /// Takes a turn to its end: what it did, each step in a word or two.
    fn run(&mut self, turn: &mut Turn) -> Vec<String> {
        self.steps.clear();
        let mut body = None;
        while self.steps.len() < 100 {
            let outcome = match turn.next(self.now) {
                Step::Report(Progress::WaitingForPrice { job }) => {
                    let job = job.map_or_else(String::new, |job| job.to_string());
                    self.steps.push(format!("report {job}"));
                    None
                }
                Step::Slot(..) => Some(Outcome::Slot),
                Step::Keep(call) => Some(self.keep(*call)),
                Step::Send(outgoing) => {
                    let (head, answer) = self.send(outgoing.request.body());
                    body = answer;
                    Some(head)
                }
                Step::Read => Some(body.take().map_or(Outcome::End, Outcome::Chunk)),
                Step::Sleep(pause) => {
                    self.steps.push(format!("sleep {}", pause.as_secs_f64()));
                    self.now = at(self.now.moment.since(at(0).moment).as_secs() + pause.as_secs());
                    Some(Outcome::Slept)
                }
                Step::Done(result) => {
                    self.steps.push(match result {
                        Ok(()) => String::from("done"),
                        Err(error) => format!("{:?}", error.kind()),
                    });
                    break;
                }
                step => panic!("{step:?}"),
            };
            if let Some(outcome) = outcome {
                turn.receive(self.now, outcome);
            }
        }
        self.steps.clone()
    }

    fn keep(&mut self, call: Keep) -> Outcome {
        Outcome::Kept(Ok(match call {
            Keep::Recover => Kept::Entries(Vec::new()),
            Keep::Entries(filter) => {
                assert_eq!(filter.states, [ledger::State::Accepted]);
                let of = |entry: &&Entry| Some(&entry.account) == filter.account.as_ref();
                Kept::Entries(self.jobs.iter().filter(of).cloned().collect())
            }
            Keep::Event(local, event) => {
                self.steps.push(format!("keep {local} {event:?}"));
                self.jobs.retain(|entry| entry.id != local);
                Kept::Done
            }
            call => panic!("{call:?}"),
        }))
    }

    fn send(&mut self, asked: &[u8]) -> (Outcome, Option<Bytes>) {
        let asked = String::from_utf8_lossy(asked);
        let id = asked.split('"').find(|word| word.starts_with("QRY_"));
        let id = id.unwrap();
        self.steps.push(format!("ask {id}"));
        let head = |status: u16| {
            let head = http::Response::builder().status(status).body(()).unwrap();
            Outcome::Head(Box::new(head.into_parts().0))
        };
        let json =
            |id: &str, status: &str| Bytes::from(format!(r#"{{"id":"{id}","status":"{status}"}}"#));
        match (self.says)(id) {
            Says::Status(status) => (head(200), Some(json(id, status))),
            Says::Http(status) => (head(status), None),
            Says::Lost(kind) => (Outcome::SendFailed(TransportError::new(kind)), None),
        }
    }
}

#[test]
fn the_job_in_the_way_is_asked_after_first_and_how_it_ended_is_kept() {
    for (status, kept) in [
        ("Completed", "keep 2 Completed"),
        ("Failed", "keep 2 Failed"),
    ] {
        let says = match status {
            "Failed" => |_: &str| Says::Status("Failed"),
            _ => |_: &str| Says::Status("Completed"),
        };
        let mut answers = Answers::new(jobs(3), says);
        let steps = answers.run(&mut turn(None));
        assert_eq!(steps, ["report 2", "ask QRY_2", kept, "sleep 3", "done"]);
    }
}

/// Each round asks after each job once, and is as long as the ledger says; the next one comes at the usual pace.
#[test]
fn each_job_is_asked_after_in_turn_and_then_all_of_them_at_the_usual_pace() {
    let mut answers = Answers::new(jobs(3), |_| Says::Status("Processing"));
    let mut turn = turn(None);
    let mut all = Vec::new();
    for _ in 0..7 {
        all.push(answers.run(&mut turn).join(", "));
        turn = turn.again(account(), why(2, 1));
    }
    assert_eq!(
        all,
        [
            "report 2, ask QRY_2, sleep 3, done",
            "ask QRY_1, sleep 1, done",
            // None is left: from here it is a fifth of the time, and no less than 2 s.
            "ask QRY_3, sleep 2, done",
            "ask QRY_2, sleep 1, done",
            "ask QRY_1, sleep 1, done",
            "ask QRY_3, sleep 2, done",
            "ask QRY_2, sleep 1, done",
        ]
    );
}

/// Whoever watches hears of each job that it has to wait for, and not of the same again.
#[test]
fn another_job_in_the_way_is_told_of() {
    let mut answers = Answers::new(Vec::new(), |_| Says::Http(404));
    let mut turn = turn(None);
    assert_eq!(answers.run(&mut turn), ["report 2", "sleep 3", "done"]);
    let mut turn = turn.again(account(), why(2, 4));
    assert_eq!(answers.run(&mut turn), ["sleep 4", "done"]);
    let mut turn = turn.again(account(), why(3, 5));
    assert_eq!(answers.run(&mut turn), ["report 3", "sleep 5", "done"]);
}

/// Where a look has told whose the key is meanwhile, the jobs of that account are asked after.
#[test]
fn the_account_that_was_learned_last_is_the_one_whose_jobs_are_asked_after() {
    let mut answers = Answers::new(jobs(1), |_| Says::Status("Processing"));
    let mut first = turn(None);
    first.account = Account::new("https://a.example", "another");
    assert_eq!(answers.run(&mut first), ["report 2", "sleep 3", "done"]);
    let mut second = first.again(account(), why(2, 3));
    assert_eq!(answers.run(&mut second), ["ask QRY_1", "sleep 3", "done"]);
}

/// An answer between two that could not be read is one: they are no longer in a row.
#[test]
fn an_answer_ends_a_row_of_failures() {
    let mut turn = turn(None);
    let mut asked = 0;
    for round in 0..20 {
        let says: Service = match round % 3 {
            2 => |_| Says::Status("Processing"),
            _ => |_| Says::Http(404),
        };
        let steps = Answers::new(jobs(1), says).run(&mut turn);
        asked += steps.iter().filter(|step| **step == "ask QRY_1").count();
        turn = turn.again(account(), why(2, 3));
    }
    assert_eq!(asked, 20);
}

#[test]
fn a_turn_that_would_come_at_the_deadline_ends_with_the_ledgers_reason() {
    for (deadline, expected) in [
        (4, &["report 2", "sleep 3", "done"][..]),
        (3, &["report 2", "PriceUnknown"]),
    ] {
        let mut answers = Answers::new(Vec::new(), |_| Says::Http(404));
        assert_eq!(answers.run(&mut turn(Some(deadline))), expected);
    }
    // No time is left to ask after a job: that is why, too.
    let mut answers = Answers::new(jobs(1), |_| Says::Http(404));
    answers.now = at(5);
    let steps = answers.run(&mut turn(Some(5)));
    assert_eq!(steps, ["report 2", "PriceUnknown"]);
}

#[test]
fn a_turn_that_is_cancelled_ends_at_once() {
    let mut answers = Answers::new(jobs(1), |_| Says::Lost(TransportErrorKind::Cancelled));
    let steps = answers.run(&mut turn(None));
    assert_eq!(steps, ["report 2", "ask QRY_1", "Cancelled"]);

    for (told, expected) in [
        (Outcome::Cancelled(Cancelled), Some(ErrorKind::Cancelled)),
        (Outcome::Stored, Some(ErrorKind::UnexpectedAnswer)),
        (Outcome::Slept, None),
    ] {
        let mut turn = turn(None);
        turn.state = State::Sleeping(at(3).moment);
        turn.is_reported = true;
        turn.receive(at(1), told);
        match (turn.next(at(1)), expected) {
            (Step::Done(Err(error)), Some(kind)) => assert_eq!(error.kind(), kind),
            (Step::Sleep(pause), None) => assert_eq!(pause, Duration::from_secs(2)),
            (step, _) => panic!("{step:?}"),
        }
    }
}

/// The service may have asked the whole client to wait: a caller who gives up meanwhile has run out of no time.
#[test]
fn a_question_that_is_held_back_ends_with_its_caller() {
    let mut turn = turn(None);
    turn.is_reported = true;
    turn.session.pause(at(100).moment);
    turn.state = turn.ask(LocalId(1), QueryId::new("QRY_1").unwrap());
    let Step::Sleep(pause) = turn.next(at(0)) else {
        panic!("it is not held back");
    };
    assert_eq!(pause, Duration::from_secs(100));
    turn.receive(at(50), Outcome::Cancelled(Cancelled));
    let Step::Done(Err(error)) = turn.next(at(50)) else {
        panic!("it goes on");
    };
    assert_eq!(error.kind(), ErrorKind::Cancelled);
}

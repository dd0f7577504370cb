//! Many jobs in one client, on a virtual clock: who is served when, and what a waiting job costs.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![allow(clippy::print_stdout, reason = "what a job costs is printed")]

mod simulator;

use std::time::Duration;

use allocation_counter::measure;
use genrex_core::ledger::MemoryLedger;
use genrex_core::proto::{GenerateRequest, Prompt, QueryId, Seconds};
use genrex_core::testing::keys;
use genrex_core::{
    BalanceCheck, BaseUrl, Client, ErrorKind, Job, Pace, Settings, Submission, Track,
};

use self::simulator::{Asked, Reply, Simulator, Wire};

fn job(number: usize) -> Job {
    Job::resumed(QueryId::new(format!("QRY_{number}")).unwrap())
}

fn client(wire: &Wire, deadline: Option<u64>) -> Client {
    let mut settings = Settings::default();
    settings.pace = Pace::Fixed(Duration::from_secs(30));
    settings.deadline = deadline.map(Duration::from_secs);
    Client::seeded(wire.clone(), BaseUrl::default(), keys(), settings, 7).unwrap()
}

fn with_most(client: &Client, most: usize) -> Client {
    client.with_max_in_flight(most.try_into().unwrap())
}

fn request() -> GenerateRequest {
    GenerateRequest::new(Prompt::new("music").unwrap(), Seconds::MIN)
}

/// Each job takes from 45 s to 75 s, and each answer 10 ms.
fn service(asked: &Asked) -> Reply {
    const LATENCY: Duration = Duration::from_millis(10);
    let Some(number) = asked.job else {
        return Reply::accepted(LATENCY);
    };
    let takes = Duration::from_secs(45 + number % 30);
    Reply::about(number, asked.at >= takes, LATENCY)
}

struct Ran {
    bytes: u64,
    polls: u64,
    wire: Wire,
}

/// Waits for so many jobs in one client, and submits another one after a second.
fn run(jobs: usize) -> Ran {
    let (mut simulator, wire) = Simulator::new(service);
    wire.expect(5 * jobs + 1);
    let client = client(&wire, None);
    let mut polls = 0;
    let measured = measure(|| {
        for number in 0..jobs {
            let (client, job) = (client.clone(), job(number));
            simulator.spawn(async move {
                let track: Track = client.wait(&job).await.unwrap();
                assert_eq!(track.id(), job.id());
            });
        }
        let (client, submitting) = (client.clone(), wire.clone());
        simulator.spawn(async move {
            submitting.pause(Duration::from_secs(1)).await;
            let submission = client.submit(&request()).await;
            assert!(matches!(submission, Submission::Accepted(_)));
        });
        polls = simulator.run();
    });
    Ran {
        bytes: measured.bytes_max,
        polls,
        wire,
    }
}

/// What a run that served so many jobs must have been like.
fn check(ran: &Ran, jobs: usize) {
    let sent = ran.wire.sent();
    // No more than the client's 64 and the paid one, and no fewer while more wait.
    let most = ran.wire.most_in_flight();
    assert_eq!((most.api, most.paid), (64, 1));
    // All came at once, and are served as they came.
    let first: Vec<u64> = sent
        .iter()
        .filter_map(|asked| asked.job)
        .take(jobs)
        .collect();
    assert!(first.iter().copied().eq(0..u64::try_from(jobs).unwrap()));
    // However many wait, the paid call leaves at once.
    let paid = sent.iter().find(|asked| asked.is_paid).unwrap();
    assert_eq!(paid.at, Duration::from_secs(1));
    let polls = sent.len() - 1;
    assert!((2 * jobs..=5 * jobs).contains(&polls), "{polls} polls");
    check_times(&sent);
}

/// Each signature is of the moment in which its request leaves; with more than a thousand a second some share a `t`.
fn check_times(sent: &[Asked]) {
    let mut last = 0;
    let mut equal = 0;
    for asked in sent {
        let now = simulator::START + u64::try_from(asked.at.as_millis()).unwrap();
        assert!(
            (now..=now + 1_000).contains(&asked.t),
            "{} at {now}",
            asked.t
        );
        assert!(asked.t >= last, "{} after {last}", asked.t);
        equal += usize::from(asked.t == last);
        last = asked.t;
    }
    assert!(equal > sent.len() / 4, "{equal} of {}", sent.len());
}

#[test]
fn a_hundred_thousand_waiting_jobs_cost_memory_in_proportion_and_nothing_else() {
    let (few, many) = (10_000, 100_000);
    let (one, ten) = (run(few), run(many));
    check(&one, few);
    check(&ten, many);
    let a_job = |ran: &Ran, jobs: usize| ran.bytes / u64::try_from(jobs).unwrap();
    println!(
        "bytes a job: {} of {few}, {} of {many}; the futures were polled {} and {} times",
        a_job(&one, few),
        a_job(&ten, many),
        one.polls,
        ten.polls
    );
    assert!(a_job(&ten, many) <= 4_096);
    assert!(ten.bytes <= one.bytes * 12, "{} {}", one.bytes, ten.bytes);
    assert!(ten.polls <= one.polls * 12, "{} {}", one.polls, ten.polls);
}

/// Of a service that takes requests and answers none.
fn silent(_: &Asked) -> Reply {
    Reply::never()
}

#[test]
fn who_waits_for_a_slot_keeps_to_its_deadline() {
    let (mut simulator, wire) = Simulator::new(silent);
    let held = with_most(&client(&wire, Some(600)), 2);
    for number in 0..2 {
        let client = held.clone();
        simulator.spawn(async move {
            let error = client.wait(&job(number)).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Deadline);
        });
    }
    let mut settings = *held.settings();
    settings.deadline = Some(Duration::from_millis(5_300));
    let (hurried, clock) = (held.with_settings(settings), wire.clone());
    simulator.spawn(async move {
        let error = hurried.wait(&job(2)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Deadline);
        assert_eq!(clock.elapsed(), Duration::from_millis(5_300));
        assert_eq!(error.waited().unwrap().polls, 0);
        let error = hurried.balance().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Deadline);
        assert_eq!(clock.elapsed(), Duration::from_millis(10_600));
    });
    simulator.run();
    assert!(wire.sent().iter().all(|asked| asked.job != Some(2)));
}

#[test]
fn a_purchase_and_its_looks_wait_for_no_poll() {
    for is_kept in [false, true] {
        let (mut simulator, wire) = Simulator::new(|asked: &Asked| match asked.job {
            Some(_) => Reply::never(),
            None if asked.is_paid => Reply::accepted(Duration::ZERO),
            None => Reply::balance(Duration::ZERO),
        });
        let client = with_most(&client(&wire, Some(100)), 2);
        let buying = match is_kept {
            true => client.with_ledger(
                std::sync::Arc::new(MemoryLedger::new()),
                BalanceCheck::default(),
            ),
            false => client.clone(),
        };
        for number in 0..4 {
            let client = client.clone();
            simulator.spawn(async move {
                client.wait(&job(number)).await.unwrap_err();
            });
        }
        let clock = wire.clone();
        simulator.spawn(async move {
            clock.pause(Duration::from_secs(1)).await;
            let submission = buying.submit(&request()).await;
            assert!(matches!(submission, Submission::Accepted(_)));
            assert_eq!(clock.elapsed(), Duration::from_secs(1));
        });
        simulator.run();
        assert_eq!(wire.most_in_flight().api, 2 + usize::from(is_kept));
    }
}

#[test]
fn who_is_dropped_in_the_queue_or_on_its_way_gives_its_slot_back() {
    let (mut simulator, wire) = Simulator::new(|asked: &Asked| match asked.job {
        Some(0..=3) => Reply::never(),
        _ => Reply::about(asked.job.unwrap(), true, Duration::ZERO),
    });
    let client = with_most(&client(&wire, None), 2);
    // Two are dropped in the queue, and later two on their way.
    for (number, millis) in [(0, 1_000), (1, 1_000), (2, 500), (3, 500)] {
        let (client, clock) = (client.clone(), wire.clone());
        simulator.spawn(async move {
            let job = job(number);
            let wait = client.wait(&job);
            let end = clock.pause(Duration::from_millis(millis));
            assert!(simulator::until(wait, end).await.is_none());
        });
    }
    let (last, clock) = (client, wire.clone());
    simulator.spawn(async move {
        last.wait(&job(4)).await.unwrap();
        assert_eq!(clock.elapsed(), Duration::from_secs(1));
    });
    simulator.run();
    assert_eq!(wire.sent().len(), 3);
}

#[test]
fn a_pause_of_the_account_holds_no_slot_and_is_kept_by_those_in_the_queue() {
    let (mut simulator, wire) = Simulator::new(|asked: &Asked| match asked.at.as_secs() {
        0 => Reply::later("60", Duration::from_millis(10)),
        _ => Reply::about(asked.job.unwrap(), true, Duration::from_millis(10)),
    });
    let client = with_most(&client(&wire, None), 1);
    for number in 0..5 {
        let client = client.clone();
        simulator.spawn(async move {
            client.wait(&job(number)).await.unwrap();
        });
    }
    let (observer, clock) = (wire.clone(), wire.clone());
    simulator.spawn(async move {
        clock.pause(Duration::from_secs(30)).await;
        assert_eq!(observer.in_flight(), 0);
    });
    simulator.run();
    let at: Vec<_> = wire.sent().iter().map(|asked| asked.at.as_secs()).collect();
    assert_eq!(at, [0, 60, 60, 60, 60, 60]);
}

/// Nor does one that sleeps with an answer that was not read to its end.
#[test]
fn who_sleeps_holds_no_slot() {
    let (mut simulator, wire) = Simulator::new(|asked: &Asked| match asked.at.as_secs() {
        0 => Reply::long_refusal(),
        _ => Reply::about(asked.job.unwrap(), true, Duration::ZERO),
    });
    let client = with_most(&client(&wire, None), 1);
    for number in 0..3 {
        let client = client.clone();
        simulator.spawn(async move {
            client.wait(&job(number)).await.unwrap();
        });
    }
    simulator.run();
    let at: Vec<_> = wire.sent().iter().map(|asked| asked.at.as_secs()).collect();
    assert_eq!(at, [0, 0, 0, 30, 30, 30]);
}

#[test]
fn a_poll_that_waited_is_held_back_when_the_service_went_down_meanwhile() {
    let (mut simulator, wire) = Simulator::new(|_: &Asked| Reply::unavailable());
    let client = with_most(&client(&wire, Some(100)), 1);
    for number in 0..20 {
        let client = client.clone();
        simulator.spawn(async move {
            client.wait(&job(number)).await.unwrap_err();
        });
    }
    simulator.run();
    let sent = wire.sent();
    let at = |second| {
        let of = |asked: &&Asked| asked.at.as_secs() == second;
        sent.iter().filter(of).count()
    };
    // After five in a row one is let through every 30 s.
    assert_eq!((at(0), at(30), at(60), at(90)), (5, 1, 1, 1));
}

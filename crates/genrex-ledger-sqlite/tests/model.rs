//! The ledger against a model of it, with a crash at any step.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use genrex_ledger::{
    Account, Event, Filter, Intent, Ledger, Limits, LocalId, Observation, SqliteLedger, State,
    Verdict,
};
use proptest::prelude::*;
use proptest::sample::Index;
use proptest_state_machine::{ReferenceStateMachine, StateMachineTest, prop_state_machine};
use tempfile::TempDir;

const COST: u64 = 7;
const LIMIT: u64 = 70;
const NOW: u64 = 1_717_574_785_354;

/// What the ledger should hold: each job's state, its verdict, and which life of the process owns it.
#[derive(Debug, Clone, Default)]
struct Model {
    jobs: Vec<Job>,
    life: usize,
}

#[derive(Debug, Clone)]
struct Job {
    state: State,
    verdict: Option<Verdict>,
    life: usize,
}

#[derive(Debug, Clone)]
enum Step {
    Intend,
    Record(Index, Event),
    /// The process ends, as by SIGKILL, and another begins.
    Crash,
    /// Another process looks, while this one lives.
    Look,
}

impl Model {
    fn spent(&self) -> u64 {
        let counts = |job: &&Job| {
            let given_back =
                job.state == State::Ambiguous && job.verdict == Some(Verdict::NotCharged);
            job.state.counts_as_spent() && !given_back
        };
        self.jobs.iter().filter(counts).count() as u64 * COST
    }
}

fn events() -> impl Strategy<Value = Event> {
    prop_oneof![
        3 => Just(Event::Sent),
        1 => Just(Event::NotSent("why".into())),
        1 => Just(Event::Refused("why".into())),
        2 => Just(Event::Ambiguous("evidence".into())),
        4 => Just(Event::Accepted("QRY_0".parse().unwrap())),
        2 => prop::sample::select(Verdict::ALL.to_vec()).prop_map(Event::Reconciled),
        2 => Just(Event::Completed),
        1 => Just(Event::Failed),
        2 => Just(Event::Downloaded { path: "a".into(), bytes: 1, sha256: "0".into() }),
    ]
}

impl ReferenceStateMachine for Model {
    type State = Self;
    type Transition = Step;

    fn init_state() -> BoxedStrategy<Self> {
        Just(Self::default()).boxed()
    }

    fn transitions(_: &Self) -> BoxedStrategy<Step> {
        prop_oneof![
            4 => Just(Step::Intend),
            10 => (any::<Index>(), events()).prop_map(|(index, event)| Step::Record(index, event)),
            2 => Just(Step::Crash),
            1 => Just(Step::Look),
        ]
        .boxed()
    }

    fn apply(mut self_: Self, step: &Step) -> Self {
        match step {
            Step::Intend if self_.spent() + COST <= LIMIT => {
                let life = self_.life;
                self_.jobs.push(Job {
                    state: State::Intended,
                    verdict: None,
                    life,
                });
            }
            Step::Record(index, event) if !self_.jobs.is_empty() => {
                let job = index.index(self_.jobs.len());
                let job = &mut self_.jobs[job];
                if let Some(state) = job.state.after(event) {
                    job.state = state;
                    if let Event::Reconciled(verdict) = event {
                        job.verdict = Some(*verdict);
                    }
                }
            }
            Step::Crash => {
                self_.life += 1;
                for job in &mut self_.jobs {
                    if job.state.is_in_flight() && job.life < self_.life {
                        job.state = State::Ambiguous;
                    }
                }
            }
            Step::Intend | Step::Record(..) | Step::Look => {}
        }
        self_
    }
}

struct Tested {
    folder: TempDir,
    ledger: Option<SqliteLedger>,
    ids: Vec<LocalId>,
}

impl Tested {
    fn open(folder: &TempDir) -> SqliteLedger {
        SqliteLedger::open(&folder.path().join("ledger.db")).unwrap()
    }

    fn ledger(&mut self) -> &mut SqliteLedger {
        self.ledger.as_mut().unwrap()
    }
}

fn account() -> Account {
    Account::new("https://api.genrex.com", "key")
}

impl StateMachineTest for Tested {
    type SystemUnderTest = Self;
    type Reference = Model;

    fn init_test(_: &Model) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut ledger = Self::open(&folder);
        ledger
            .learn(
                &account(),
                Observation {
                    duration: 10,
                    credits: COST,
                    at_submit: true,
                },
                NOW,
            )
            .unwrap();
        Self {
            folder,
            ledger: Some(ledger),
            ids: Vec::new(),
        }
    }

    fn apply(mut tested: Self, model: &Model, step: Step) -> Self {
        match step {
            Step::Intend => {
                let mut limits = Limits::default();
                limits.total = Some(LIMIT);
                let intent = Intent::new(account(), "music", 10, b"{}");
                let intended = tested.ledger().intend(&intent, &limits, NOW);
                let expected = model.jobs.len() > tested.ids.len();
                assert_eq!(intended.is_ok(), expected, "{intended:?}");
                tested.ids.extend(intended.ok().map(|entry| entry.id));
            }
            Step::Record(index, event) if !tested.ids.is_empty() => {
                let at = index.index(tested.ids.len());
                let id = tested.ids[at];
                // Each job has an id of its own at the service.
                let event = match event {
                    Event::Accepted(_) => Event::Accepted(format!("QRY_{at}").parse().unwrap()),
                    event => event,
                };
                let before = tested.ledger().entry(id).unwrap().unwrap().state;
                let recorded = tested.ledger().record(id, &event, NOW);
                assert_eq!(recorded.map(|entry| entry.state).ok(), before.after(&event));
            }
            Step::Record(..) => {}
            Step::Crash => {
                // The kernel closes what the process had open; nothing else of it runs.
                tested.ledger = None;
                let mut ledger = Self::open(&tested.folder);
                ledger.recover(NOW).unwrap();
                tested.ledger = Some(ledger);
            }
            Step::Look => assert_eq!(Self::open(&tested.folder).recover(NOW).unwrap(), []),
        }
        tested
    }

    fn check_invariants(tested: &Self, model: &Model) {
        let ledger = tested.ledger.as_ref().unwrap();
        let mut entries = ledger.entries(&Filter::default()).unwrap();
        entries.reverse();
        assert_eq!(
            entries.len(),
            model.jobs.len(),
            "a job is lost, or one too many"
        );
        for (entry, job) in entries.iter().zip(&model.jobs) {
            assert_eq!(
                (entry.state, entry.verdict),
                (job.state, job.verdict),
                "job {}",
                entry.id
            );
            // An id that the service gave is never lost.
            let has_id = matches!(
                entry.state,
                State::Accepted | State::Completed | State::Failed | State::Downloaded
            );
            assert!(!has_id || entry.query_id.is_some());
        }
    }
}

prop_state_machine! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn the_ledger_is_its_model_whatever_happens(sequential 1..40 => Tested);
}

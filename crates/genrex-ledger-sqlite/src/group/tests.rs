//! Whether requests are kept together or one by one, the tables hold the same.

use std::sync::mpsc;

use genrex_ledger::{Account, Alias, Credits, Intent, Limits, Look};
use proptest::prelude::*;

use super::*;
use crate::request::{Intend, Keep, Observe, Record};

const ORIGIN: &str = "https://api.genrex.com";

#[derive(Debug, Clone)]
enum Step {
    /// By key, the account that it turns out to be, and the credits used.
    Look(u8, u8, u64),
    /// For an account, within a limit in all.
    Buy(u8, u64),
    Tell(i64, Event),
    /// Changes the credits of an account, and is then refused.
    Spoil(u8),
}

/// Changes the credits of an account, and then fails.
struct Spoiler {
    account: Account,
    is_defect: bool,
}

impl Keep for Spoiler {
    type Kept = ();
    type Answer = ();

    fn keep(&self, store: &Store<'_>) -> Result<(), RequestError> {
        let mut credits = Credits::new();
        credits.observe(&Look::new(999), 999);
        store.keep_credits(&self.account, &credits, 999)?;
        store.write_credits()?;
        store.keep_credits(&self.account, &credits, 1000)?;
        assert!(!self.is_defect, "a defect, for the sake of a test");
        Err(Error::new(ErrorKind::NotFound, "nothing of it is to stay").into())
    }

    fn answer(self, (): ()) {}
}

fn step() -> impl Strategy<Value = Step> {
    let event = prop_oneof![
        Just(Event::Sent),
        Just(Event::Crashed),
        Just(Event::Completed),
        Just(Event::NotSent(String::from("no route"))),
        Just(Event::Ambiguous(String::from("504"))),
        (0..100_u8).prop_map(|id| Event::Accepted(format!("QRY_{id}").parse().unwrap())),
    ];
    prop_oneof![
        (0..2_u8, 0..4_u8, 0..60_u64).prop_map(|(key, of, used)| Step::Look(key, of, used)),
        (0..4_u8, 1..80_u64).prop_map(|(of, total)| Step::Buy(of, total)),
        (1..12_i64, event).prop_map(|(job, event)| Step::Tell(job, event)),
        (0..4_u8).prop_map(Step::Spoil),
    ]
}

/// The first two are those of keys that nothing else is known of.
fn account(number: u8) -> Account {
    match number {
        0 | 1 => alias(number).into(),
        _ => Account::new(ORIGIN, &format!("u{number}")),
    }
}

fn alias(key: u8) -> Alias {
    Alias::new(ORIGIN, &format!("key {key}"))
}

fn request(now: u64, step: &Step) -> Box<dyn Write> {
    let request = match step.clone() {
        Step::Look(key, of, used) => {
            let account = if of < 2 { account(key) } else { account(of) };
            let (alias, look) = (alias(key), Look::new(used).at(now));
            let task = Observe {
                alias,
                account,
                look,
                now,
            };
            Request::write(task, None)
        }
        Step::Buy(of, total) => {
            let mut limits = Limits::default();
            (limits.total, limits.per_job) = (Some(total), Some(9));
            let (key, body) = (u128::from(now), now.to_string());
            let intent = Intent::new(key, account(of), "music", 5, body.as_bytes())
                .after(Look::new(0).at(now))
                .within(limits);
            // Nobody waits for it, and what is queued then is read by nobody.
            let (queue, _) = mpsc::channel();
            Request::write(Intend { intent, now, queue }, None)
        }
        Step::Tell(job, event) => Request::write(
            Record {
                id: LocalId(job),
                event,
                now,
            },
            None,
        ),
        Step::Spoil(of) => spoiler(of, false),
    };
    write_of(request)
}

fn spoiler(of: u8, is_defect: bool) -> Request {
    let account = account(of);
    Request::write(Spoiler { account, is_defect }, None)
}

fn write_of(request: Request) -> Box<dyn Write> {
    match request {
        Request::Write(write) => write,
        Request::Read(_) | Request::Close => unreachable!("it writes"),
    }
}

fn writer(folder: &Path) -> Writer {
    Writer::open(&folder.join("genrex/ledger.db"), &Options::new()).unwrap()
}

/// What the tables hold after these, so many of which are kept together.
fn kept(steps: &[Step], together: usize) -> Vec<Vec<String>> {
    let folder = tempfile::tempdir().unwrap();
    let writer = writer(folder.path());
    let requests = (1..).zip(steps).map(|(now, step)| request(now, step));
    let mut requests: Vec<_> = requests.collect();
    while !requests.is_empty() {
        let rest = requests.split_off(together.min(requests.len()));
        writer.write(std::mem::replace(&mut requests, rest));
    }
    tables(&writer)
}

fn tables(writer: &Writer) -> Vec<Vec<String>> {
    let tables = [
        "SELECT credits.account || ' ' || credits || ' ' || updated_at FROM credits ORDER BY 1",
        "SELECT alias || ' ' || account || ' ' || seen_at FROM alias ORDER BY 1",
        "SELECT id || account || state || coalesce(query_id, '') || coalesce(detail, '') || updated_at \
             FROM job ORDER BY id",
        "SELECT job || state || at FROM history ORDER BY rowid",
    ];
    let read = |sql| -> rusqlite::Result<Vec<String>> {
        let mut query = writer.connection.prepare(sql)?;
        query.query_map([], |row| row.get(0))?.collect()
    };
    tables.into_iter().map(|sql| read(sql).unwrap()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn what_is_kept_together_is_what_is_kept_one_by_one(
        steps in prop::collection::vec(step(), 1..40),
        together in 2_usize..40,
    ) {
        prop_assert_eq!(kept(&steps, together), kept(&steps, 1));
    }
}

#[test]
fn a_defect_leaves_nothing_for_the_next_transaction() {
    let folder = tempfile::tempdir().unwrap();
    let writer = writer(folder.path());
    writer.write(vec![request(1, &Step::Look(0, 2, 7))]);
    let before = tables(&writer);
    writer.write(vec![write_of(spoiler(2, true))]);
    // It changes nothing itself.
    writer.write(vec![request(2, &Step::Tell(1, Event::Sent))]);
    assert_eq!(tables(&writer), before);
}

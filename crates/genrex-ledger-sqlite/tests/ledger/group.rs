//! What is asked together is kept together.

use std::time::Duration;

use genrex_ledger::{ErrorKind, Event, Filter, Intent, Ledger as _, LocalId, Look, State};
use genrex_ledger_sqlite::{Options, SqliteLedger};

use crate::support::{
    NOW, accepted, account, alias, begin, by_hand, entry, intend, intent, ledger, limited, place,
    record, send, state, transactions, wait,
};

#[test]
fn many_intents_at_once_need_few_syncs() {
    const MANY: usize = 50;
    let (_folder, path, ledger) = ledger();
    let intents: Vec<Intent> = (0..MANY)
        .map(|number| intent(&number.to_string()))
        .collect();
    let before = transactions(&path);
    let held = by_hand(&path);
    held.execute_batch("BEGIN IMMEDIATE").unwrap();
    let mut futures: Vec<_> = intents
        .iter()
        .map(|intent| ledger.intend(intent, NOW))
        .collect();
    futures.iter_mut().for_each(begin);
    held.execute_batch("ROLLBACK").unwrap();
    let mut ids: Vec<LocalId> = futures
        .into_iter()
        .map(|future| wait(future).unwrap().id)
        .collect();
    ids.dedup();
    assert_eq!(ids.len(), MANY);
    let needed = transactions(&path) - before;
    // Some may be kept before the others are queued.
    assert!((1..=2).contains(&needed), "{needed} transactions");
}

#[test]
fn each_alone_needs_a_sync_of_its_own() {
    let (_folder, path, ledger) = ledger();
    let before = transactions(&path);
    for number in 0..5 {
        intend(&ledger, &number.to_string());
    }
    assert_eq!(transactions(&path) - before, 5);
}

#[test]
fn what_only_reads_or_changes_nothing_needs_no_sync_and_no_lock() {
    let (_folder, path, ledger) = ledger();
    let id = send(&ledger, "music");
    record(&ledger, id, &accepted("QRY_1")).unwrap();
    let again = intent("again");
    wait(ledger.intend(&again, NOW)).unwrap();
    let before = transactions(&path);
    record(&ledger, id, &accepted("QRY_1")).unwrap();
    record(&ledger, id, &Event::Sent).unwrap_err();
    wait(ledger.intend(&again, NOW)).unwrap();

    let held = by_hand(&path);
    held.execute_batch("BEGIN IMMEDIATE").unwrap();
    assert_eq!(entry(&ledger, id).state, State::Accepted);
    assert_eq!(wait(ledger.entries(&Filter::default())).unwrap().len(), 2);
    assert_eq!(wait(ledger.history(id)).unwrap().len(), 3);
    wait(ledger.credits(&account())).unwrap();
    assert_eq!(wait(ledger.account(&alias())).unwrap(), None);
    assert_eq!(wait(ledger.recover(NOW)).unwrap(), []);
    assert_eq!(transactions(&path), before);
}

#[test]
fn one_that_is_refused_takes_no_other_with_it() {
    let (_folder, path, ledger) = ledger();
    wait(ledger.observe(&alias(), &account(), &Look::new(0), NOW)).unwrap();
    let id = intend(&ledger, "music");
    let (one, two, over) = (limited("1", 20), limited("2", 20), limited("3", 20));
    let sent = Event::Sent;
    let held = by_hand(&path);
    held.execute_batch("BEGIN IMMEDIATE").unwrap();
    let mut wrong = ledger.record(id, &Event::Completed, NOW);
    let mut first = ledger.intend(&one, NOW);
    let mut nobody = ledger.record(LocalId(99), &sent, NOW);
    let mut second = ledger.intend(&two, NOW);
    let mut third = ledger.intend(&over, NOW);
    let mut right = ledger.record(id, &sent, NOW);
    for future in [&mut wrong, &mut nobody, &mut right, &mut first] {
        begin(future);
    }
    begin(&mut second);
    begin(&mut third);
    held.execute_batch("ROLLBACK").unwrap();
    assert_eq!(wait(wrong).unwrap_err().kind(), ErrorKind::Transition);
    assert_eq!(wait(nobody).unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(wait(right).unwrap().state, State::Sent);
    let begun = [wait(first).unwrap().id, wait(second).unwrap().id];
    wait(third).unwrap_err();
    drop(ledger);
    let ledger = SqliteLedger::open(&path).unwrap();
    assert_eq!(state(&ledger, id), State::Sent);
    let all = wait(ledger.entries(&Filter::default())).unwrap();
    let all: Vec<LocalId> = all.iter().map(|entry| entry.id).collect();
    assert_eq!(all, [begun[1], begun[0], id]);
    let spent = wait(ledger.credits(&account())).unwrap().spending(NOW);
    assert_eq!(spent.total, 20);
}

/// Somebody's own guard in the file, which refuses after the credits were written.
#[test]
fn what_the_file_refuses_is_taken_back_alone() {
    let (_folder, path, ledger) = ledger();
    let id = send(&ledger, "music");
    let held = by_hand(&path);
    held.execute_batch(
        "CREATE TRIGGER mine BEFORE INSERT ON job WHEN NEW.text = 'bad' BEGIN SELECT RAISE(ABORT, 'mine'); END;
         CREATE TRIGGER mine_too BEFORE UPDATE ON job WHEN NEW.query_id = 'QRY_bad' \
             BEGIN SELECT RAISE(ABORT, 'mine'); END;",
    )
    .unwrap();
    let before = wait(ledger.credits(&account())).unwrap();
    let error = wait(ledger.intend(&intent("bad"), NOW)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Storage);
    assert_eq!(wait(ledger.credits(&account())).unwrap(), before);

    let (good, bad) = (intent("good"), intent("bad"));
    let outcome = accepted("QRY_bad");
    held.execute_batch("BEGIN IMMEDIATE").unwrap();
    let mut asked = [ledger.intend(&bad, NOW), ledger.intend(&good, NOW)];
    asked.iter_mut().for_each(begin);
    let mut refused = ledger.record(id, &outcome, NOW);
    begin(&mut refused);
    held.execute_batch("ROLLBACK").unwrap();
    let [bad, good] = asked.map(wait);
    bad.unwrap_err();
    wait(refused).unwrap_err();
    let good = good.unwrap();
    assert_eq!(good.id, LocalId(2));
    let all = wait(ledger.entries(&Filter::default())).unwrap();
    assert_eq!(all.len(), 2);
    assert_eq!(state(&ledger, id), State::Sent);
    assert!(ledger.rescue_path().exists(), "it may yet be kept");
    held.execute_batch("DROP TRIGGER mine_too").unwrap();
    intend(&ledger, "more");
    assert_eq!(state(&ledger, id), State::Accepted);
}

#[test]
fn another_process_is_waited_for_and_not_for_ever() {
    let (_folder, path) = place();
    let options = Options::new().busy_timeout(Duration::from_millis(50));
    let ledger = SqliteLedger::open_with(&path, &options).unwrap();
    let held = by_hand(&path);
    held.execute_batch("BEGIN IMMEDIATE").unwrap();
    let error = wait(ledger.intend(&intent("music"), NOW)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Busy);
    assert!(error.to_string().contains("ledger.db"), "{error}");
    assert!(error.to_string().contains("another process"), "{error}");
    held.execute_batch("ROLLBACK").unwrap();
    intend(&ledger, "music");
}

#[test]
fn many_at_once_never_pass_one_limit() {
    let (_folder, path, ledger) = ledger();
    wait(ledger.observe(&alias(), &account(), &Look::new(0), NOW)).unwrap();
    let passed: usize = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|thread| {
                let ledger = match thread % 2 {
                    0 => ledger.clone(),
                    _ => SqliteLedger::open(&path).unwrap(),
                };
                scope.spawn(move || {
                    let tries = (0..20).map(|_| wait(ledger.intend(&limited("music", 505), NOW)));
                    tries.filter(Result::is_ok).count()
                })
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .sum()
    });
    assert_eq!(passed, 50);
}

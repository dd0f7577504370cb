//! What is kept, and read back.

use genrex_ledger::{
    Account, Alias, Entry, ErrorKind, Event, Filter, Ledger, Limits, LocalId, Look, MemoryLedger,
    Once, Refusal, Resolution, Row, State,
};
use genrex_ledger_sqlite::SqliteLedger;

use crate::support::{
    NOW, ORIGIN, accepted, account, alias, begin, by_hand, downloaded, entry, intend, intent,
    ledger, limited, place, record, send, state, wait,
};

#[test]
fn a_jobs_whole_life_is_kept() {
    let (_folder, path, ledger) = ledger();
    let id = intend(&ledger, "music");
    for event in [
        Event::Sent,
        accepted("QRY_1"),
        Event::Completed,
        downloaded(),
    ] {
        record(&ledger, id, &event).unwrap();
    }
    let before = entry(&ledger, id);
    drop(ledger);
    let ledger = SqliteLedger::open(&path).unwrap();
    let entry = entry(&ledger, id);
    assert_eq!(entry, before);
    assert_eq!(entry.query_id.unwrap().as_str(), "QRY_1");
    assert_eq!(
        (entry.state, entry.path.as_deref(), entry.bytes),
        (State::Downloaded, Some("a.wav"), Some(7))
    );
    assert_eq!((entry.created_at, entry.updated_at), (NOW, NOW + 1));
    let history = wait(ledger.history(id)).unwrap();
    let states: Vec<&str> = history.iter().map(|past| past.state.as_str()).collect();
    assert_eq!(
        states,
        ["intended", "sent", "accepted", "completed", "downloaded"]
    );
    assert_eq!((history[0].at, history[4].at), (NOW, NOW + 1));
}

#[test]
fn a_refused_transition_writes_nothing_and_says_where_the_job_stands() {
    let (_folder, _, ledger) = ledger();
    let id = intend(&ledger, "music");
    let error = record(&ledger, id, &Event::Completed).unwrap_err();
    assert_eq!(
        (error.kind(), error.job()),
        (ErrorKind::Transition, Some(id))
    );
    assert!(error.to_string().contains("intended"), "{error}");
    assert_eq!(state(&ledger, id), State::Intended);
    assert_eq!(wait(ledger.history(id)).unwrap().len(), 1);
    let error = record(&ledger, LocalId(99), &Event::Sent).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

#[test]
fn the_same_intent_is_the_same_job_for_every_process() {
    let (_folder, path, ours) = ledger();
    let intent = intent("music");
    let first = wait(ours.intend(&intent, NOW)).unwrap();
    record(&ours, first.id, &Event::Sent).unwrap();
    let theirs = SqliteLedger::open(&path).unwrap();
    for ledger in [&ours, &theirs] {
        let again = wait(ledger.intend(&intent, NOW + 5)).unwrap();
        assert_eq!((again.id, again.state), (first.id, State::Sent));
    }
    assert_eq!(wait(ours.entries(&Filter::default())).unwrap().len(), 1);
}

#[test]
fn a_job_of_a_process_that_is_gone_is_ended_and_of_a_living_one_is_not() {
    let (_folder, path, theirs) = ledger();
    let (intended, sent) = (intend(&theirs, "one"), send(&theirs, "two"));
    let done = send(&theirs, "three");
    record(&theirs, done, &accepted("QRY_3")).unwrap();

    let ours = SqliteLedger::open(&path).unwrap();
    assert_eq!(wait(ours.recover(NOW)).unwrap(), []);
    assert_eq!(state(&ours, intended), State::Intended);

    drop(theirs);
    let ended = wait(ours.recover(NOW + 5)).unwrap();
    let ended: Vec<_> = ended.iter().map(|entry| (entry.id, entry.state)).collect();
    assert_eq!(
        ended,
        [(intended, State::NotSent), (sent, State::Ambiguous)]
    );
    assert_eq!(state(&ours, done), State::Accepted);
    assert_eq!(wait(ours.recover(NOW + 6)).unwrap(), [], "once");
    // Its own are its own.
    let own = intend(&ours, "four");
    assert_eq!(wait(ours.recover(NOW + 7)).unwrap(), []);
    assert_eq!(state(&ours, own), State::Intended);
}

#[test]
fn the_file_of_an_owner_goes_with_it_and_that_of_a_crashed_one_at_the_next_start() {
    let (_folder, path, ledger) = ledger();
    let owners = crate::support::beside(&path, ".owners");
    let count = || std::fs::read_dir(&owners).unwrap().count();
    let clone = ledger.clone();
    assert_eq!(count(), 1);
    drop(ledger);
    assert_eq!(count(), 1, "a clone is the same owner");
    drop(clone);
    assert_eq!(count(), 0);
    std::fs::write(owners.join("1-crashed"), "").unwrap();
    drop(SqliteLedger::open(&path).unwrap());
    assert_eq!(count(), 0);
}

#[test]
fn a_released_job_is_found_by_who_recovers_and_one_of_another_living_process_is_not() {
    let (_folder, path, ours) = ledger();
    let theirs = SqliteLedger::open(&path).unwrap();
    let (intended, sent) = (intend(&ours, "one"), send(&ours, "two"));
    let (kept, other) = (send(&ours, "three"), send(&theirs, "four"));
    for id in [intended, sent, other, LocalId(99)] {
        ours.release(id, NOW + 3);
    }
    assert_eq!(state(&ours, sent), State::Sent);
    let found = wait(ours.recover(NOW + 4)).unwrap();
    let found: Vec<_> = found.iter().map(|entry| (entry.id, entry.state)).collect();
    assert_eq!(
        found,
        [(intended, State::NotSent), (sent, State::Ambiguous)]
    );
    for living in [kept, other] {
        assert_eq!(state(&ours, living), State::Sent);
    }
    let outcome = record(&ours, sent, &accepted("QRY_1")).unwrap();
    assert_eq!(outcome.state, State::Accepted, "its answer came after all");
    ours.release(sent, NOW + 5);
    assert_eq!(wait(ours.recover(NOW + 6)).unwrap(), []);
    // Another process finds it as well.
    ours.release(kept, NOW + 7);
    wait(ours.entry(kept)).unwrap();
    assert_eq!(wait(theirs.recover(NOW + 8)).unwrap().len(), 1);
}

#[test]
fn what_is_queued_is_kept_before_the_ledger_is_closed() {
    let (_folder, path, ledger) = ledger();
    let (id, released) = (send(&ledger, "music"), send(&ledger, "other"));
    let held = by_hand(&path);
    held.execute_batch("BEGIN IMMEDIATE").unwrap();
    {
        let event = accepted("QRY_1");
        let mut outcome = ledger.record(id, &event, NOW);
        begin(&mut outcome);
    }
    ledger.release(released, NOW);
    let unheard = intent("unheard");
    {
        let mut unheard = ledger.intend(&unheard, NOW);
        begin(&mut unheard);
    }
    let closing = std::thread::spawn(move || drop(ledger));
    crate::support::rest();
    assert!(!closing.is_finished());
    held.execute_batch("ROLLBACK").unwrap();
    closing.join().unwrap();
    let ledger = SqliteLedger::open(&path).unwrap();
    assert_eq!(state(&ledger, id), State::Accepted);
    let owner: String = by_hand(&path)
        .query_row("SELECT owner FROM job WHERE id = 2", [], |row| row.get(0))
        .unwrap();
    assert_eq!(owner, "");
    assert_eq!(state(&ledger, LocalId(3)), State::NotSent);
    assert_eq!(wait(ledger.recover(NOW)).unwrap().len(), 1);
}

#[test]
fn an_intent_whose_future_was_dropped_is_carried_on_by_nobody() {
    let (_folder, path, ledger) = ledger();
    let one = intent("before its answer");
    // Nothing is answered while another holds the file.
    let held = by_hand(&path);
    let hold = || held.execute_batch("BEGIN IMMEDIATE").unwrap();
    let let_go = || held.execute_batch("ROLLBACK").unwrap();
    hold();
    let mut future = ledger.intend(&one, NOW);
    begin(&mut future);
    drop(future);
    let_go();
    let states = |ledger: &SqliteLedger| -> Vec<State> {
        wait(ledger.recover(NOW)).unwrap();
        let entries = wait(ledger.entries(&Filter::default())).unwrap();
        entries.iter().map(|entry| entry.state).collect()
    };
    crate::support::until("it is released", || states(&ledger) == [State::NotSent]);

    let two = intent("after its answer");
    hold();
    let mut future = ledger.intend(&two, NOW);
    begin(&mut future);
    let_go();
    crate::support::until("it is answered", || states(&ledger).len() == 2);
    assert_eq!(states(&ledger), [State::Intended, State::NotSent]);
    drop(future);
    assert_eq!(states(&ledger), [State::NotSent, State::NotSent]);

    // A repeated call does not take it from the first.
    let three = intent("twice");
    let id = wait(ledger.intend(&three, NOW)).unwrap().id;
    hold();
    let mut future = ledger.intend(&three, NOW);
    begin(&mut future);
    drop(future);
    let_go();
    assert_eq!(states(&ledger)[0], State::Intended);
    record(&ledger, id, &Event::Sent).unwrap();
}

#[test]
fn one_id_may_come_twice() {
    let (_folder, _, ledger) = ledger();
    let (one, two) = (send(&ledger, "one"), send(&ledger, "two"));
    for id in [one, two] {
        record(&ledger, id, &accepted("QRY_1")).unwrap();
    }
    let named = wait(ledger.entries(&Filter::named("QRY_1"))).unwrap();
    let ids: Vec<LocalId> = named.iter().map(|entry| entry.id).collect();
    assert_eq!(ids, [two, one], "newest first");
}

#[test]
fn an_alias_leads_to_its_account_and_takes_its_jobs_and_credits_there() {
    let (_folder, path, ledger) = ledger();
    let by_key = Account::from(alias());
    let mut early = limited("music", 100);
    early.account = by_key.clone();
    wait(ledger.observe(&alias(), &by_key, &Look::new(5), NOW)).unwrap();
    let id = wait(ledger.intend(&early, NOW)).unwrap().id;
    let credits = wait(ledger.credits(&by_key)).unwrap();
    assert_eq!(credits.spending(NOW).total, 10);
    assert_eq!(
        wait(ledger.account(&alias())).unwrap(),
        Some(by_key.clone())
    );

    wait(ledger.observe(&alias(), &account(), &Look::new(5), NOW)).unwrap();
    drop(ledger);
    let ledger = SqliteLedger::open(&path).unwrap();
    assert_eq!(wait(ledger.account(&alias())).unwrap(), Some(account()));
    assert_eq!(entry(&ledger, id).account, account());
    let total = |account| wait(ledger.credits(account)).unwrap().spending(NOW).total;
    assert_eq!((total(&account()), total(&by_key)), (10, 0));
    let other = Alias::new(ORIGIN, "other");
    assert_eq!(wait(ledger.account(&other)).unwrap(), None);
}

#[test]
fn what_a_person_said_stands() {
    let (_folder, _, ledger) = ledger();
    let id = send(&ledger, "music");
    record(&ledger, id, &Event::Ambiguous("no answer".into())).unwrap();
    let by_balance = wait(ledger.reconcile(id, NOW)).unwrap();
    assert!(!by_balance.resolved_by_hand);
    assert!(by_balance.reconciliation.is_some());
    let said = Event::Resolved(Resolution::Charged, "the bill says so".into());
    let by_hand = record(&ledger, id, &said).unwrap();
    assert_eq!(wait(ledger.reconcile(id, NOW)).unwrap(), by_hand);
    assert_eq!(entry(&ledger, id), by_hand);
}

#[test]
fn a_row_that_somebody_else_wrote_is_named() {
    let (_folder, path, ledger) = ledger();
    let id = send(&ledger, "music");
    by_hand(&path)
        .execute("UPDATE job SET refusal = 'because'", [])
        .unwrap();
    let error = wait(ledger.entry(id)).unwrap_err();
    assert_eq!(
        (error.kind(), error.job()),
        (ErrorKind::Unreadable, Some(id))
    );
}

/// The same calls on a ledger in memory, which is the model of a storage.
#[test]
fn every_filter_finds_what_a_ledger_in_memory_finds() {
    let (_folder, _, ledger) = ledger();
    let memory = MemoryLedger::new();
    let mut entries: Vec<Entry> = Vec::new();
    for number in 0_u64..60 {
        let job = job(number, &entries);
        let kept = wait(ledger.intend(&job, NOW + number)).unwrap();
        assert_eq!(wait(memory.intend(&job, NOW + number)).unwrap(), kept);
        let mut last = kept;
        for event in events(number) {
            let after = wait(ledger.record(last.id, &event, NOW + number)).unwrap();
            last = wait(memory.record(last.id, &event, NOW + number)).unwrap();
            assert_eq!(after, last);
        }
        entries.push(last);
    }
    let mut tried = 0;
    for filter in filters(&entries) {
        let found = wait(ledger.entries(&filter)).unwrap();
        assert_eq!(found, wait(memory.entries(&filter)).unwrap(), "{filter:?}");
        tried += usize::from(!found.is_empty());
    }
    assert!(tried > 100, "{tried}");
}

fn job(number: u64, before: &[Entry]) -> genrex_ledger::Intent {
    let mut job = intent(&format!("text {}", number % 5));
    if number.is_multiple_of(2) {
        let name = format!("row {}", number % 6);
        let batch = format!("batch {}", number % 4);
        let row = Row::new(batch, name);
        let mut same = before.iter().rev();
        let last = same.find(|entry| entry.row().as_ref() == Some(&row));
        job = job.once(Once::Row {
            row,
            last: last.map(|entry| entry.id),
        });
    }
    if number.is_multiple_of(3) {
        job.account = Account::new(ORIGIN, "u2");
    }
    if number.is_multiple_of(7) {
        job = job.after(Look::new(u64::MAX).changed("then").at(NOW));
    }
    job
}

fn events(number: u64) -> Vec<Event> {
    let refused = Event::Refused(Refusal::RateLimited, "later".into());
    let id = accepted(&format!("QRY_{}", number % 9));
    match number % 6 {
        // What may be bought again.
        0 => vec![Event::NotSent("no route".into())],
        2 => vec![Event::Sent, refused],
        4 => vec![Event::Sent, id, Event::Failed],
        1 => vec![Event::Sent, Event::Ambiguous("cut".into())],
        3 => vec![Event::Sent, id, downloaded()],
        _ => vec![],
    }
}

fn filters(entries: &[Entry]) -> Vec<Filter> {
    let mut filters = vec![Filter::default()];
    let mut cross = |changes: &[&dyn Fn(&mut Filter)]| {
        let before = filters.clone();
        for change in changes {
            filters.extend(before.iter().cloned().map(|mut filter| {
                change(&mut filter);
                filter
            }));
        }
    };
    let row = entries.iter().find_map(Entry::row).unwrap();
    cross(&[&|filter| filter.account = Some(account()), &|filter| {
        filter.account = Some(Account::new(ORIGIN, "nobody"));
    }]);
    cross(&[
        &|filter| filter.states = vec![State::Accepted, State::Failed, State::Ambiguous],
        &|filter| filter.states = vec![State::Intended],
    ]);
    cross(&[
        &|filter| filter.query_id = Some("QRY_3".into()),
        &|filter| filter.body_sha256 = Some(entries[1].body_sha256.clone()),
        &|filter| filter.row = Some(row.clone()),
        &|filter| filter.row_name = Some(row.name.clone()),
    ]);
    cross(&[&|filter| filter.since = Some(NOW + 30), &|filter| {
        filter.since = Some(u64::MAX);
    }]);
    cross(&[&|filter| filter.oldest_first = true]);
    cross(&[
        &|filter| filter.limit = Some(0),
        &|filter| filter.limit = Some(2),
        &|filter| filter.limit = Some(u32::MAX),
    ]);
    filters
}

#[test]
fn a_limit_is_kept_over_a_restart() {
    let (_folder, path) = place();
    let count = |most: u64| {
        let ledger = SqliteLedger::open(&path).unwrap();
        wait(ledger.observe(&alias(), &account(), &Look::new(0), NOW)).unwrap();
        let results = (0..most).map(|_| wait(ledger.intend(&limited("music", 50), NOW)));
        results.filter(Result::is_ok).count()
    };
    assert_eq!((count(3), count(9), count(9)), (3, 2, 0));
    let ledger = SqliteLedger::open(&path).unwrap();
    let error = wait(ledger.intend(&limited("music", 50), NOW)).unwrap_err();
    assert!(
        [ErrorKind::OverLimit, ErrorKind::PriceUnknown].contains(&error.kind()),
        "{error}"
    );
    let unlimited = limited("music", 50).within(Limits::default());
    wait(ledger.intend(&unlimited, NOW)).unwrap();
}

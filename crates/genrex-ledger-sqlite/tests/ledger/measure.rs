//! How long things take as jobs become many: by hand, in a release build.

use std::time::Instant;

use genrex_ledger::{Event, Filter, Intent, Ledger as _, Once};
use genrex_ledger_sqlite::SqliteLedger;

use crate::support::{
    NOW, accepted, account, begin, by_hand, intend, intent, ledger, record, wait,
};

#[expect(clippy::disallowed_methods, reason = "it is what is measured")]
fn measure(what: &str, times: u32, mut work: impl FnMut(u32)) {
    let start = Instant::now();
    (0..times).for_each(&mut work);
    let each = start.elapsed() / times;
    report(&format!("  {what}: {each:.0?}"));
}

#[expect(clippy::print_stdout, reason = "it is read by who measures")]
fn report(line: &str) {
    println!("{line}");
}

/// All at once, as many tasks would.
fn many(ledger: &SqliteLedger, count: usize) {
    let held = by_hand(ledger.path());
    let intents: Vec<Intent> = (0..count)
        .map(|number| intent(&number.to_string()))
        .collect();
    for chunk in intents.chunks(1_000) {
        held.execute_batch("BEGIN IMMEDIATE").unwrap();
        let mut asked: Vec<_> = chunk.iter().map(|one| ledger.intend(one, NOW)).collect();
        asked.iter_mut().for_each(begin);
        held.execute_batch("ROLLBACK").unwrap();
        for answer in asked {
            wait(answer).unwrap();
        }
    }
}

/// How long a purchase's calls take, one after the other.
fn purchase(ledger: &SqliteLedger) {
    const TIMES: u32 = 200;
    measure("intend", TIMES, |number| {
        intend(ledger, &number.to_string());
    });
    measure("intend, once", TIMES, |number| {
        let text = format!("once {number} {}", ledger.path().display());
        let _ = wait(ledger.intend(&intent(&text).once(Once::Prompt), NOW));
    });
    let ids: Vec<_> = (0..TIMES).map(|_| intend(ledger, "music")).collect();
    let mut next = ids.iter();
    measure("sent and accepted", TIMES, |_| {
        let id = *next.next().unwrap();
        record(ledger, id, &Event::Sent).unwrap();
        record(ledger, id, &accepted("QRY_1")).unwrap();
    });
}

#[test]
#[ignore = "it measures"]
fn a_purchase_with_few_jobs_and_with_many() {
    let (_folder, path, ledger) = ledger();
    many(&ledger, 1_000);
    report("with 1,000 jobs");
    purchase(&ledger);
    measure("300 at once, each", 1, |_| many(&ledger, 300));
    many(&ledger, 100_000);
    report("with 100,000 jobs");
    purchase(&ledger);
    measure("recover", 20, |_| {
        wait(ledger.recover(NOW)).unwrap();
    });
    measure("the newest of an account", 20, |_| {
        let mut filter = Filter::of(account());
        filter.limit = Some(20);
        wait(ledger.entries(&filter)).unwrap();
    });
    measure("all entries", 1, |_| {
        wait(ledger.entries(&Filter::default())).unwrap();
    });
    measure("open and close", 20, |_| {
        drop(SqliteLedger::open(&path).unwrap());
    });
}

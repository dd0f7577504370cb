//! A file of version 4.

use genrex_ledger::{Alias, Event, Ledger as _, Look};
use genrex_ledger_sqlite::SqliteLedger;

use super::KEY;
use crate::support::{NOW, by_hand, place, record, wait};

/// Version 4 kept an account's hours and its jobs under way as maps.
#[test]
fn a_file_of_version_4_keeps_what_is_known_of_its_credits() {
    let (_folder, path) = place();
    let ledger = SqliteLedger::open(&path).unwrap();
    let account = crate::support::account();
    let alias = Alias::new("https://api.genrex.com", KEY);
    for (used, hours) in [(500, 0), (530, 3), (570, 5)] {
        let at = NOW + hours * 3_600_000;
        let look = Look::new(used).at(at);
        wait(ledger.observe(&alias, &account, &look, at)).unwrap();
        let intent = crate::support::limited(&format!("after {used}"), 1_000).after(look);
        let id = wait(ledger.intend(&intent, at)).unwrap().id;
        record(&ledger, id, &Event::Sent).unwrap();
    }
    let before = wait(ledger.credits(&account)).unwrap();
    drop(ledger);
    let connection = by_hand(&path);
    let kept: String = connection
        .query_row("SELECT credits FROM credits", [], |row| row.get(0))
        .unwrap();
    let mut json: serde_json::Value = serde_json::from_str(&kept).unwrap();
    let mut pairs = 0;
    for name in ["/seen/hours", "/pending/hours", "/running/jobs"] {
        let list = json.pointer_mut(name).unwrap();
        let (mut key, mut value) = (0, 0);
        let numbers: Vec<i64> = serde_json::from_value(list.take()).unwrap();
        let map = numbers.chunks(2).map(|pair| {
            (key, value) = (key + pair[0], value + pair[1]);
            (key.to_string(), value.into())
        });
        let map: serde_json::Map<_, _> = map.collect();
        pairs += map.len();
        *list = map.into();
    }
    assert!(pairs > 2, "{json}");
    connection
        .execute("UPDATE credits SET credits = ?1", [json.to_string()])
        .unwrap();
    connection.pragma_update(None, "user_version", 4).unwrap();
    drop(connection);
    let ledger = SqliteLedger::open(&path).unwrap();
    assert_eq!(wait(ledger.credits(&account)).unwrap(), before);
    drop(ledger);
    let version: i64 = by_hand(&path)
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .unwrap();
    assert_eq!(version, 5);
}

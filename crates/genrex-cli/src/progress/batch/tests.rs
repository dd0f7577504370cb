use std::ops::RangeInclusive;
use std::sync::Mutex;
use std::time::Duration;

use genrex_async::{Balance, Progress};

use super::*;
use crate::progress::screens::compare;

const PROMPTS: [&str; 5] = [
    "rain on a tin roof, slow piano",
    "intense EDM",
    "日本の古い歌、静かな夜のための、琴と尺八と、遠い太鼓の音とともに",
    "a\u{1b}]0;owned\u{7}z",
    "strings",
];

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn report(json: &str) -> Progress {
    serde_json::from_str(json).unwrap()
}

fn processing() -> Progress {
    report(
        r#"{"event":"polled","id":"QRY_1","status":"Processing","polls":3,"elapsed":{"secs":8,"nanos":0}}"#,
    )
}

fn submitting() -> Progress {
    report(r#"{"event":"submitting","attempt":1}"#)
}

fn looked(used: u64) -> Progress {
    let balance = serde_json::to_value(Balance::new(10_000, used)).unwrap();
    report(&serde_json::json!({"event": "looked", "balance": balance}).to_string())
}

fn begun(rows: u64, working: u64) -> BatchView {
    let mut view = BatchView::new(rows, Some(Balance::new(10_000, 100)), secs(0));
    for row in 0..working {
        let text = PROMPTS[usize::try_from(row).unwrap() % PROMPTS.len()];
        let place = view.begin(text, "its turn to come", secs(row));
        view.hear(place, &submitting(), secs(row));
        view.hear(place, &processing(), secs(row + 1));
    }
    view
}

/// So many pieces are made, one every 4 seconds.
fn make(view: &mut BatchView, pieces: RangeInclusive<u64>) {
    for piece in pieces {
        view.end(piece);
        view.made(secs(4 * piece));
        view.done();
    }
}

#[test]
fn the_screen_of_a_batch_in_each_state() {
    compare("batch-begun", &Mutex::new(begun(20, 0)), secs(0));

    let mut buying = begun(20, 5);
    buying.hear(2, &report(r#"{"event":"submitting","attempt":1}"#), secs(6));
    buying.hear(
        5,
        &report(r#"{"event":"downloading","received":300,"total":640}"#),
        secs(7),
    );
    compare("batch-first-pieces", &Mutex::new(buying), secs(9));

    let mut view = begun(100, 58);
    make(&mut view, 1..=8);
    view.hear(30, &looked(140), secs(33));
    compare("batch-more-rows-than-fit", &Mutex::new(view), secs(34));

    let mut view = begun(100, 12);
    make(&mut view, 1..=8);
    view.hear(
        9,
        &report(
            r#"{"event":"unanswered","id":"QRY_1","kind":"unreachable","status":503,"silent":{"secs":20,"nanos":0}}"#,
        ),
        secs(40),
    );
    compare("batch-no-answer", &Mutex::new(view), secs(52));

    let mut view = begun(100, 12);
    make(&mut view, 1..=8);
    view.stopping();
    compare("batch-stopping", &Mutex::new(view), secs(35));

    let mut view = BatchView::new(3, None, secs(0));
    make(&mut view, 1..=3);
    compare("batch-done-without-looks", &Mutex::new(view), secs(13));

    let mut view = begun(1_000_000, 3);
    view.done = 999_000;
    view.hear(1, &looked(9_000), secs(20_000));
    compare("batch-large", &Mutex::new(view), secs(20_000));
}

/// While nothing goes on, nobody knows how long it takes.
#[test]
fn what_waits_for_a_price_has_no_estimate() {
    let waits = report(r#"{"event":"waitingForPrice","job":3}"#);
    let mut view = begun(100, 10);
    make(&mut view, 1..=8);
    let total = |view: &BatchView| format!("{:?}", view.total(secs(34), 80));
    view.hear(9, &waits, secs(33));
    assert!(total(&view).contains("left"), "{}", total(&view));
    view.hear(10, &waits, secs(33));
    let shown = total(&view);
    assert!(shown.contains("waiting for a price"), "{shown}");
    assert!(!shown.contains("about"), "{shown}");
}

/// The estimate is of the pieces that were made, not of the rows that were here before.
#[test]
fn what_is_left_follows_from_the_pieces_of_this_run() {
    let mut view = begun(110, 8);
    for _ in 0..100 {
        view.done();
    }
    assert_eq!(view.left(secs(1)), None, "nothing is known yet");
    make(&mut view, 1..=1);
    assert_eq!(view.left(secs(4)), None, "one piece says little");
    make(&mut view, 2..=2);
    // Two of ten rows are made, in 8 s.
    assert_eq!(view.left(secs(8)), Some(secs(32)));
    assert_eq!(view.left(secs(10)), Some(secs(30)), "it goes down");
    assert_eq!(view.left(secs(60)), Some(secs(28)), "by a piece at most");
    view.done = 110;
    assert_eq!(view.left(secs(60)), None, "nothing is left");
}

/// However low the window is, the total is seen, and it says how much is left of the credits if there is room.
#[test]
fn the_total_is_the_last_line_of_every_window() {
    let view = Mutex::new(begun(100, 50));
    for rows in 1..60 {
        for columns in [10, 20, 30, 40, 80, 200] {
            let size = Size { columns, rows };
            let lines = view.lines(secs(60), size);
            let last = lines.last().unwrap().text();
            assert!(last.starts_with("0/100"), "{size:?} {last}");
            assert!(rows < 4 || lines.len() < rows, "{size:?}");
            assert!(rows < 40 || lines.len() > 35, "{size:?}: as many as fit");
        }
    }
}

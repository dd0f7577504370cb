//! What is promised of bounds that a user knows, of prices that fall, and of the size of it all.

use genrex_ledger::testing::block_on;
use genrex_ledger::{
    Account, Alias, Credits, Event, Intent, Ledger, Limits, LocalId, Look, MemoryLedger,
    Reconciliation, Run,
};
use genrex_proto::QueryId;

use crate::oracle;
use crate::purchase::{Fate, Purchase};
use crate::service::{HOUR, MINUTE, Price, SECOND, START, Settings, When};
use crate::world::World;

const LONG: u64 = 10 * 24 * HOUR;

fn limits(total: u64, per_job: Option<u64>) -> Limits {
    let mut limits = Limits::default();
    limits.total = Some(total);
    limits.per_job = per_job;
    limits
}

fn eight_places(settings: Settings, limits: Limits) -> World {
    let mut world = World::new(settings);
    world.process((0..8).map(|_| vec![Purchase::of(10, limits); 5]).collect());
    world
}

#[test]
fn with_a_bound_that_is_so_nothing_goes_alone() {
    let mut world = eight_places(Settings::new(Price::Flat(10)), limits(60, Some(10)));
    world.run(2 * SECOND);
    assert_eq!(world.bought.len(), 6, "six at once");
    assert!(world.run(LONG));
    assert_eq!(oracle::most_within(&world, None), 60);
}

#[test]
fn with_a_bound_that_is_not_so_everything_stops() {
    let mut world = eight_places(Settings::new(Price::Flat(15)), limits(1_000, Some(10)));
    assert!(world.run(LONG));
    // Those that were under way, and one alone that shows what a job costs.
    assert!(
        (8..=9).contains(&world.bought.len()),
        "{}",
        world.bought.len()
    );
    assert!(
        world
            .stopped
            .iter()
            .all(|stopped| stopped.message.contains("per_job = 10"))
    );
}

#[test]
fn another_s_purchase_beside_a_bound_stops_nothing() {
    for other_at in [SECOND, 5 * SECOND, 21 * SECOND, 26 * SECOND, 90 * SECOND] {
        let mut world = eight_places(Settings::new(Price::Flat(10)), limits(1_000, Some(10)));
        world.service.other(START + other_at, 25);
        assert!(world.run(LONG));
        assert_eq!(world.bought.len(), 40, "at {other_at}: {:?}", world.stopped);
    }
}

#[test]
fn a_price_that_falls_leaves_no_room_unused() {
    let mut world = World::new(Settings::new(Price::Changes(2 * MINUTE, 10, 4)));
    world.process(vec![vec![Purchase::of(10, limits(100, None)); 40]]);
    assert!(world.run(LONG));
    let used = oracle::most_within(&world, None);
    assert!((91..=100).contains(&used), "{used}");
    let wait = world.longest_wait / MINUTE;
    assert!(wait <= 12, "one waited for {wait} minutes");
}

#[test]
fn another_s_purchase_that_seems_the_price_does_not_block_for_ever() {
    let mut day = Limits::default();
    day.day = Some(60);
    let mut world = World::new(Settings::new(Price::Flat(10)));
    world.service.other(START + 10 * SECOND, 1_000);
    world.process(vec![vec![Purchase::of(10, day)]]);
    assert!(world.run(LONG));
    for _ in 0..5 {
        world.pass(MINUTE);
        world.look();
    }
    assert_eq!(world.credits().price(10), Some(1_010));
    // The other shows itself while nothing of ours is open.
    world.service.other(world.service.now + 2 * HOUR, 3);
    for _ in 0..30 {
        world.pass(HOUR);
        world.look();
    }
    world.process(vec![vec![Purchase::of(10, day); 2]]);
    assert!(world.run(LONG));
    assert_eq!(world.bought.len(), 3, "{:?}", world.stopped);
}

#[test]
fn a_piece_that_is_dearer_than_the_limit_is_bought_once() {
    let mut day = Limits::default();
    day.day = Some(5);
    let mut world = World::new(Settings::new(Price::Flat(10)));
    let purchases = vec![
        Purchase {
            pause: 26 * HOUR,
            ..Purchase::of(10, day)
        };
        5
    ];
    world.process(vec![purchases]);
    assert!(world.run(LONG));
    assert_eq!(world.bought.len(), 1);
}

/// That the price of one duration has changed is no reason to observe another's again, at the price of a whole limit.
#[test]
fn a_price_that_changed_buys_nothing_of_another_duration_beyond_a_limit() {
    let of_a_run = |(number, duration): (usize, &u8)| Purchase {
        run: Some(Run::new(format!("run {number}"), 4)),
        pause: 10 * MINUTE,
        ..Purchase::of(*duration, Limits::default())
    };
    let mut world = World::new(Settings::new(Price::Changes(15 * MINUTE, 2, 15)));
    let plan = [6, 5, 6, 5, 5].iter().enumerate().map(of_a_run).collect();
    world.process(vec![plan]);
    assert!(world.run(LONG));
    let bought: Vec<u8> = world.bought.iter().map(|bought| bought.duration).collect();
    assert_eq!(bought, [6, 5, 6]);
}

/// What is spent of 50 credits, at 10 a piece, when others are given credits back while the third piece is made.
fn spent_beside_a_refund(fate: Fate, refund: i64) -> u64 {
    let settings = Settings::new(Price::Flat(10)).charged(&[(100, When::Completion, 0)]);
    let piece = Purchase::of(10, limits(50, None));
    let mut world = World::new(settings);
    world.process(vec![vec![piece.clone(); 2]]);
    assert!(world.run(24 * HOUR));
    world.process(vec![vec![Purchase {
        fate: Some(fate),
        ..piece.clone()
    }]]);
    let refunded_at = world.service.now + 15 * SECOND;
    world.service.other(refunded_at, -refund);
    assert!(world.run(24 * HOUR));
    world.pass(HOUR);
    world.process(vec![vec![piece; 10]]);
    assert!(world.run(24 * HOUR));
    world.service.charged(0, u64::MAX)
}

/// The balance falls, and shows neither what was given back nor what was charged: what was expected counts.
#[test]
fn what_is_given_back_to_others_hides_no_charge_of_a_known_price() {
    for refund in [11, 14, 19] {
        assert_eq!(
            spent_beside_a_refund(Fate::Accepted, refund),
            50,
            "{refund}"
        );
    }
}

/// A job that failed at no cost is not counted for what is given back to others meanwhile.
#[test]
fn what_is_given_back_to_others_makes_no_failed_job_dear() {
    for refund in [1, 4, 9] {
        assert_eq!(spent_beside_a_refund(Fate::Fails, refund), 50, "{refund}");
    }
}

#[test]
fn a_daily_purchase_fits_a_limit_of_one_a_day() {
    // Nobody looks between one purchase and the next.
    let mut day = Limits::default();
    day.day = Some(10);
    let settings = Settings::new(Price::Flat(10)).charged(&[(100, When::Completion, 0)]);
    let mut world = World::new(settings);
    let purchases = vec![
        Purchase {
            pause: 27 * HOUR,
            ..Purchase::of(10, day)
        };
        6
    ];
    world.process(vec![purchases]);
    assert!(world.run(LONG));
    assert_eq!(world.bought.len(), 6, "{:?}", world.stopped);
}

#[test]
fn a_free_service_is_learned_once() {
    let mut world = World::new(Settings::new(Price::Flat(0)));
    world.process(vec![vec![Purchase::of(10, limits(5, None)); 20]]);
    assert!(world.run(LONG));
    assert_eq!(world.bought.len(), 20);
    assert_eq!(world.credits().price(10), Some(0));
    let took = (world.service.now - START) / MINUTE;
    assert!(took < 30, "{took} minutes");
}

#[test]
fn a_run_that_is_not_alone_counts_its_own() {
    let mut world = World::new(Settings::new(Price::Flat(10)));
    for (number, credits) in [(1, 30), (2, 50), (3, 70)] {
        let run = Some(Run::new(format!("run {number}"), credits));
        let purchase = Purchase {
            run,
            ..Purchase::of(10, Limits::default())
        };
        world.process(vec![vec![purchase.clone(); 10], vec![purchase; 10]]);
    }
    assert!(world.run(LONG));
    for (number, credits) in [(1, 30), (2, 50), (3, 70)] {
        let used = oracle::charged_to_run(&world, &format!("run {number}"));
        assert_eq!(used, credits);
    }
}

/// One account that every kind of thing happens to.
struct Busy {
    ledger: MemoryLedger,
    account: Account,
    alias: Alias,
    now: u64,
    used: u64,
}

impl Busy {
    fn look(&mut self) -> Look {
        let changed = format!("2023-11-14T22:13:20.{:09}Z", self.used);
        let look = Look::new(self.used).changed(changed).at(self.now);
        let looked = self
            .ledger
            .observe(&self.alias, &self.account, &look, self.now);
        block_on(looked).unwrap();
        look
    }

    fn buys(&mut self, key: u128) -> Option<LocalId> {
        self.now += 7 * SECOND;
        let duration = u8::try_from(5 + key % 56).unwrap();
        let look = self.look();
        let id = format!("run-{:032x}", key / 20);
        let run = Run::new(id, 1_000);
        let mut limits = limits(u64::MAX, None);
        limits.per_job = Some(1 + u64::from(duration));
        let intent = Intent::new(key, self.account.clone(), "text", duration, b"{}");
        let intent = intent.after(look).within(limits).of_run(run);
        block_on(self.ledger.intend(&intent, self.now))
            .ok()
            .map(|entry| entry.id)
    }

    fn records(&mut self, id: LocalId, event: &Event) {
        block_on(self.ledger.record(id, event, self.now)).unwrap();
    }

    fn size(&self) -> usize {
        let credits = block_on(self.ledger.credits(&self.account)).unwrap();
        let json = credits.to_json().unwrap();
        assert_eq!(Credits::from_json(&json).unwrap(), credits);
        json.len()
    }
}

#[test]
fn what_is_kept_of_an_account_does_not_grow_with_its_jobs() {
    const MOST: usize = 64 * 1024;
    let mut busy = Busy {
        ledger: MemoryLedger::new(),
        account: Account::new("https://api.genrex.com", "user"),
        alias: Alias::new("https://api.genrex.com", "key"),
        now: START,
        used: 0,
    };
    let (mut largest, mut jobs) = (0, 0);
    let accepted = Event::Accepted(QueryId::new("QRY_x").unwrap());
    for key in 0..100_000_u128 {
        let Some(id) = busy.buys(key) else {
            busy.now += 5 * MINUTE;
            continue;
        };
        jobs += 1;
        busy.records(id, &Event::Sent);
        busy.used += u64::try_from(key % 3).unwrap();
        match key % 11 {
            // Nobody asks after it.
            0 => busy.records(id, &accepted),
            1 => busy.records(id, &Event::Ambiguous(String::from("504"))),
            2 => {
                busy.records(id, &Event::Crashed);
                busy.records(id, &Event::Reconciled(Reconciliation::NotCharged));
            }
            3 => busy.records(id, &Event::NotSent(String::new())),
            _ => {
                busy.records(id, &accepted);
                let is_failed = key % 11 == 4;
                busy.records(
                    id,
                    if is_failed {
                        &Event::Failed
                    } else {
                        &Event::Completed
                    },
                );
            }
        }
        if jobs % 2_000 == 0 {
            largest = largest.max(busy.size());
        }
    }
    assert_eq!(jobs, 100_000);
    assert!(largest < MOST, "{largest} bytes of {MOST}");
}

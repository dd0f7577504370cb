use proptest::prelude::*;

use super::*;

fn times() -> impl Strategy<Value = Vec<(u64, u64)>> {
    prop::collection::vec((0_u64..600_000, 0_u64..60_000), 0..100)
}

proptest! {
    /// Whatever was seen, a job is asked after again, and within half a minute.
    #[test]
    fn each_gap_is_in_its_bounds(times in times(), elapsed in 0_u64..4_000_000) {
        let mut pacing = Pacing::default();
        for (after, more) in times {
            let after = Duration::from_millis(after);
            pacing.completed(30, after, after + Duration::from_millis(more));
        }
        let delay = pacing.delay(Some(30), Duration::from_millis(elapsed)).as_secs_f64();
        prop_assert!((SHORTEST..=LONGEST).contains(&delay), "{delay}");
        let other = pacing.delay(Some(31), Duration::from_millis(elapsed));
        prop_assert_eq!(other, pacing.delay(None, Duration::from_millis(elapsed)));
    }
}

#[test]
fn what_was_long_ago_is_forgotten() {
    let mut pacing = Pacing::default();
    for job in 0..1_000 {
        let at = Duration::from_secs(if job < 900 { 20 } else { 60 });
        pacing.completed(30, at, at);
    }
    assert_eq!(pacing.of[&30].times.len(), Learned::MOST);
    let first = pacing.delay(Some(30), Duration::from_secs(30));
    assert!(first > Duration::from_secs(25), "{first:?}");
}

use genrex_async::Error;
use genrex_ledger::{self as ledger, Bound, Passed};

/// The way on from a purchase that a limit refused: what can be raised, and waited for only where time makes room.
pub(super) fn limit_step(error: &Error) -> String {
    let refused = std::error::Error::source(error).and_then(|source| source.downcast_ref());
    let way_on = match refused.and_then(ledger::Error::passed) {
        Some(passed) => way_on(passed),
        None => String::from("Raise the limit that refused it. What is set: genrex config list"),
    };
    format!("nothing was sent. {way_on}")
}

fn way_on(passed: Passed) -> String {
    let raise = |name: &str| format!("genrex config set limits.{name} CREDITS");
    let (name, window) = match passed.bound {
        Bound::Run if passed.is_used => {
            return String::from(
                "--max-credits bounds this run alone: raise it, or run the same command again, which may spend as much once \
                 more. What pieces were expected to cost: genrex jobs list",
            );
        }
        Bound::Run => {
            return String::from(
                "Raise --max-credits, or leave it away: it bounds this run alone. What pieces were expected to cost: genrex \
                 jobs list",
            );
        }
        Bound::PerJob => {
            let raise = raise("per_job");
            return format!("Raise per_job to what a piece costs at most: {raise}");
        }
        Bound::Day => ("day", Some("24 hours")),
        Bound::Month => ("month", Some("30 days")),
        Bound::Total | _ => ("total", None),
    };
    let raise = raise(name);
    match window {
        Some(window) if passed.fits_alone => format!(
            "What was spent more than {window} ago counts no longer: wait for that, or raise the limit: {raise}"
        ),
        _ => format!("Waiting does not help here. Raise the limit: {raise}"),
    }
}

#[cfg(test)]
mod tests {
    use genrex_async::ErrorKind;
    use genrex_ledger::{
        Account, Alias, Event, Intent, Ledger as _, Limits, Look, MemoryLedger, Run,
    };

    use super::*;

    const HOUR: u64 = 60 * 60 * 1000;

    fn limits(set: impl FnOnce(&mut Limits)) -> Limits {
        let mut limits = Limits::default();
        set(&mut limits);
        limits
    }

    /// An account on which a piece of ten seconds was seen to cost ten credits, and the time since.
    async fn account() -> (MemoryLedger, Account, u64) {
        let (ledger, account) = (MemoryLedger::new(), Account::new("https://a.example", "u"));
        let high = limits(|limits| limits.total = Some(1000));
        let intent = Intent::new(1, account.clone(), "a", 10, b"{}");
        let intent = intent.after(look(0, 0)).within(high);
        observe(&ledger, &account, &look(0, 0), 0).await;
        let job = ledger.intend(&intent, 0).await.unwrap().id;
        let accepted = Event::Accepted("QRY_1".parse().unwrap());
        for event in [Event::Sent, accepted, Event::Completed] {
            ledger.record(job, &event, 0).await.unwrap();
        }
        let mut now = 0;
        for _ in 0..30 {
            now += 60_000;
            observe(&ledger, &account, &look(10, now), now).await;
        }
        let known = ledger.credits(&account).await.unwrap();
        assert_eq!(known.price(10), Some(10));
        (ledger, account, now)
    }

    async fn observe(ledger: &MemoryLedger, account: &Account, look: &Look, now: u64) {
        let alias = Alias::new("https://a.example", "k");
        let observed = ledger.observe(&alias, account, look, now);
        observed.await.unwrap();
    }

    fn look(used: u64, at: u64) -> Look {
        let mut look = Look::new(used);
        look.at = Some(at + HOUR);
        look
    }

    /// What the ledger itself says for each of its bounds, and what is said to do about it.
    #[tokio::test]
    async fn the_way_on_fits_the_bound_that_refused() {
        let (ledger, account, now) = account().await;
        let total = |most| limits(|limits| limits.total = Some(most));
        for (limits, run, said, is_waited_for) in [
            (limits(|it| it.day = Some(15)), None, "limits.day", true),
            (limits(|it| it.day = Some(4)), None, "limits.day", false),
            (limits(|it| it.day = Some(0)), None, "limits.day", false),
            (limits(|it| it.month = Some(15)), None, "limits.month", true),
            (total(15), None, "limits.total", false),
            (
                limits(|it| it.per_job = Some(9)),
                None,
                "limits.per_job",
                false,
            ),
            (total(1000), Some(4), "--max-credits", false),
            (total(1000), Some(0), "--max-credits", false),
            (
                limits(|it| it.per_job = Some(0)),
                None,
                "limits.per_job",
                false,
            ),
        ] {
            let mut intent = Intent::new(2, account.clone(), "b", 10, b"{}");
            intent.run = run.map(|credits| Run::new("r", credits));
            let intent = intent.after(look(10, now)).within(limits);
            let refused = ledger.intend(&intent, now).await.unwrap_err();
            let reason = refused.to_string();
            let error = Error::new(ErrorKind::OverLimit, "refused").with_source(refused);
            let step = limit_step(&error);
            assert!(step.contains(said), "{reason}: {step}");
            assert_eq!(step.contains("wait for"), is_waited_for, "{reason}: {step}");
            assert!(!step.contains("same command again"), "{reason}: {step}");
        }
    }

    /// A run that has spent something may spend as much once more when it is begun anew.
    #[tokio::test]
    async fn a_bound_of_a_run_that_is_used_up_lets_another_run_go_on() {
        let (ledger, account, now) = account().await;
        let intent = |key, used, now| {
            let mut intent = Intent::new(key, account.clone(), "b", 10, b"{}");
            intent.run = Some(Run::new("r", 15));
            intent.after(look(used, now))
        };
        let job = ledger.intend(&intent(2, 10, now), now).await.unwrap().id;
        let accepted = Event::Accepted("QRY_2".parse().unwrap());
        for event in [Event::Sent, accepted, Event::Completed] {
            ledger.record(job, &event, now).await.unwrap();
        }
        let mut later = now;
        for _ in 0..30 {
            later += 60_000;
            let seen = look(20, later);
            observe(&ledger, &account, &seen, later).await;
        }
        let refused = ledger.intend(&intent(3, 20, later), later).await;
        let refused = refused.unwrap_err();
        let error = Error::new(ErrorKind::OverLimit, "refused").with_source(refused);
        let step = limit_step(&error);
        assert!(
            step.contains("--max-credits") && step.contains("same command again"),
            "{step}"
        );
    }
}

use genrex_async::Error;

/// What refused a purchase, as the ledger names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Bound<'a> {
    name: &'a str,
    /// Whether anything counts against it.
    is_used: bool,
}

/// The way on from a purchase that a limit refused: what can be raised, and waited for only where time makes room.
pub(super) fn limit_step(error: &Error) -> String {
    let reason = std::error::Error::source(error).map(ToString::to_string);
    let bound = reason.as_deref().and_then(Bound::of);
    let way_on = match bound {
        Some(bound) => bound.way_on(),
        None => String::from("Raise the limit that refused it. What is set: genrex config list"),
    };
    format!("nothing was sent. {way_on}")
}

impl<'a> Bound<'a> {
    /// Reads it out of the ledger's words; a test holds the two together.
    fn of(reason: &'a str) -> Option<Self> {
        const NAMES: [&str; 5] = ["day", "month", "total", "per_job", "max-credits"];
        let words = |text: &'a str| {
            text.split(|character: char| !(character.is_alphanumeric() || "-_".contains(character)))
        };
        let name = words(reason).find(|word| NAMES.contains(word))?;
        let numbers: Vec<u64> = words(reason).filter_map(|word| word.parse().ok()).collect();
        // What it costs, what counts and what is allowed; else the limit is 0 or bounds a piece.
        let is_used = matches!(numbers.as_slice(), [_, spent, _] if *spent != 0);
        Some(Self { name, is_used })
    }

    fn way_on(self) -> String {
        let name = self.name;
        let raise = format!("genrex config set limits.{name} CREDITS");
        match name {
            "max-credits" if self.is_used => String::from(
                "--max-credits bounds this run alone: raise it, or run the same command again, which may spend as much once \
                 more. What pieces were expected to cost: genrex jobs list",
            ),
            "max-credits" => String::from(
                "Raise --max-credits, or leave it away: it bounds this run alone. What pieces were expected to cost: genrex \
                 jobs list",
            ),
            "per_job" => format!("Raise per_job to what a piece costs at most: {raise}"),
            "day" | "month" if self.is_used => {
                let window = match name {
                    "day" => "24 hours",
                    _ => "30 days",
                };
                format!(
                    "What was spent more than {window} ago counts no longer: wait for that, if the limit allows the piece at all, or \
                     raise it: {raise}"
                )
            }
            _ => format!("Waiting does not help here. Raise the limit: {raise}"),
        }
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
            (limits(|it| it.day = Some(4)), None, "limits.day", true),
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

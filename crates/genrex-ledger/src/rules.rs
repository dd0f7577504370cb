//! What a storage does inside one transaction, as pure functions: it reads, calls one of these, and writes
//! what came of it.

use crate::entry::Entry;
use crate::error::ErrorKind;
use crate::intent::Once;
use crate::ledger::Filter;
use crate::{
    Account, Credits, Doubt, Error, Event, Hold, HoldKind, Intent, LocalId, Reconciliation, Row,
    State,
};

/// A job that may begin, and what it is bought in place of.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Begun {
    /// The new job.
    pub entry: Entry,
    /// The ambiguous job that this one supersedes: it was found not to be charged, or a person settled it.
    pub supersedes: Option<LocalId>,
}

/// Which jobs an intent has to be held against: those that the filter lets through, as it orders them.
#[must_use]
pub fn rivals(intent: &Intent) -> Option<Filter> {
    let mut filter = Filter::of(intent.account.clone());
    match &intent.once {
        Once::No => None,
        Once::Prompt => {
            filter.body_sha256 = Some(intent.body_sha256.clone());
            filter.states = vec![
                State::Intended,
                State::Sent,
                State::Ambiguous,
                State::Accepted,
                State::Completed,
            ];
            Some(filter)
        }
        Once::Row { row, .. } if intent.anew => {
            filter.row = Some(row.clone());
            filter.limit = Some(1);
            Some(filter)
        }
        Once::Row { row, .. } => {
            filter.row_name = Some(row.name.clone());
            Some(filter)
        }
    }
}

/// The jobs which show that a row of this name was bought by a batch of the account, or is being bought: they may have
/// been charged, and were not given up.
#[must_use]
pub fn bought(account: Account, row: &str) -> Filter {
    let states: Vec<State> = State::ALL.into_iter().filter(|it| is_bought(*it)).collect();
    let mut filter = Filter::of(account).states(states);
    filter.row_name = Some(row.to_owned());
    filter
}

/// Begins a job, if nothing it must not be bought beside stands in the way and it is within its limits.
///
/// `credits` is the account's, which has [observed](Credits::observe) the intent's look, `rivals` what [`rivals`] asks for, `id` the new job's, `now` this machine's time
/// in milliseconds since 1970. After an error nothing of it is to be kept.
///
/// # Errors
///
/// [`ErrorKind::Taken`], [`ErrorKind::OverLimit`], [`ErrorKind::PriceUnknown`], [`ErrorKind::BalanceUnknown`].
pub fn intend(
    credits: &mut Credits,
    rivals: &[Entry],
    id: LocalId,
    intent: &Intent,
    now: u64,
) -> Result<Begun, Error> {
    let supersedes = match &intent.once {
        Once::No => None,
        Once::Prompt => beside_prompt(credits, rivals, intent)?,
        Once::Row { row, last } => {
            let newest = newest_of(row, rivals);
            let supersedes = beside_row(credits, newest, *last, intent)?;
            beside_other_batches(rivals, row, newest, intent)?;
            supersedes
        }
    };
    let reserved = credits.reserve(id, intent, now)?;
    Ok(Begun {
        entry: Entry::begin(id, intent, reserved, now),
        supersedes,
    })
}

/// What an event makes of a job and of its account's credits; `None` when it has happened before.
///
/// # Errors
///
/// [`ErrorKind::Transition`].
pub fn record(
    credits: &mut Credits,
    entry: &Entry,
    event: &Event,
    now: u64,
) -> Result<Option<Entry>, Error> {
    let service_at = credits.service_time(now).max(entry.service_at);
    let Some(after) = entry.after(event, now, service_at)? else {
        return Ok(None);
    };
    credits.follow(entry, &after);
    if *event == Event::Processing {
        credits.is_processing(entry.id, service_at);
    }
    if let Event::CompletedBetween { after, by } = event {
        credits.times.add(entry.duration, *after, *by);
    }
    Ok(Some(after))
}

/// What the last look at the balance shows of an ambiguous job; to be [`record`]ed.
///
/// # Errors
///
/// [`ErrorKind::Transition`] for a job that is not ambiguous.
pub fn reconcile(credits: &Credits, entry: &Entry) -> Result<Reconciliation, Error> {
    if entry.state != State::Ambiguous {
        let message = format!("job {} is {}, and not ambiguous", entry.id, entry.state);
        return Err(Error::new(ErrorKind::Transition, message).about(entry.id));
    }
    // What a person has said stands, and so does what was acted on.
    let stands = entry.resolved_by_hand || entry.superseded_by.is_some();
    match (entry.reconciliation, credits.reconcile(entry)) {
        (Some(found), _) if stands => Ok(found),
        // It moved by the price, and nothing that came later makes that not so.
        (Some(Reconciliation::Charged), Reconciliation::Inconclusive(_)) => {
            Ok(Reconciliation::Charged)
        }
        (_, found) => Ok(found),
    }
}

/// Why the balance will not tell of an ambiguous job, whatever the next looks at it show: nobody looked before the
/// submit, or other jobs were under way. `None` if a look may tell, for all that is known now.
#[must_use]
pub fn foresee(credits: &Credits, entry: &Entry) -> Option<Doubt> {
    credits.foresee(entry)
}

/// Whether the hold of a ledger may be changed: it is the expected one, and nothing is in flight in a ledger that is to
/// be moved.
///
/// # Errors
///
/// [`ErrorKind::Moved`], [`ErrorKind::InFlight`].
pub fn change_hold(
    found: Option<&Hold>,
    expected: Option<&Hold>,
    next: Option<&Hold>,
    in_flight: Option<&Entry>,
) -> Result<(), Error> {
    if found != expected {
        let message = match found {
            Some(found) => found.to_string(),
            None => String::from("the ledger was let go of by another meanwhile"),
        };
        return Err(Error::new(ErrorKind::Moved, message));
    }
    let is_to_move = next.is_some_and(|hold| hold.kind == HoldKind::Moving);
    match in_flight {
        Some(job) if is_to_move => {
            let message = format!(
                "job {} is {}: a process may be buying it; wait until it ends, and copy then",
                job.id, job.state
            );
            Err(Error::new(ErrorKind::InFlight, message).about(job.id))
        }
        _ => Ok(()),
    }
}

/// Whether a ledger may be filled with what another holds: it knows of no job and no account, and is not held.
///
/// # Errors
///
/// [`ErrorKind::Taken`].
pub fn fill(is_empty: bool, found: Option<&Hold>) -> Result<(), Error> {
    if is_empty && found.is_none() {
        return Ok(());
    }
    let message = "a ledger is copied into an empty one only, and this one holds jobs, accounts or a copy already; \
                   nothing was changed";
    Err(Error::new(ErrorKind::Taken, message))
}

/// What an account's credits are by its jobs alone, for a storage of an older version that kept no credits. Each job
/// that was taken counts as spent when it was intended; what may still be charged counts as such.
#[must_use]
pub fn restore(jobs: &[Entry]) -> Credits {
    Credits::restore(jobs)
}

/// Adds what was kept under an alias, before its account was known, to the account's own credits.
///
/// The account's jobs are then those of both.
pub fn join(credits: &mut Credits, alias: &Credits) {
    credits.join(alias);
}

fn beside_prompt(
    credits: &Credits,
    rivals: &[Entry],
    intent: &Intent,
) -> Result<Option<LocalId>, Error> {
    let mut supersedes = None;
    for rival in rivals.iter().filter(|rival| rival.superseded_by.is_none()) {
        if rival.is_not_charged() {
            is_still_not_charged(credits, rival, intent)?;
            supersedes = supersedes.max(Some(rival.id));
        } else if blocks_prompt(rival.state) {
            return Err(taken(rival));
        }
    }
    Ok(supersedes)
}

const fn blocks_prompt(state: State) -> bool {
    match state {
        State::Intended | State::Sent | State::Ambiguous | State::Accepted | State::Completed => {
            true
        }
        State::NotSent | State::Refused | State::Failed | State::Downloaded => false,
    }
}

fn newest_of<'a>(row: &Row, rivals: &'a [Entry]) -> Option<&'a Entry> {
    let of_row = rivals
        .iter()
        .filter(|rival| rival.row().as_ref() == Some(row));
    of_row.max_by_key(|rival| rival.id)
}

fn beside_row(
    credits: &Credits,
    newest: Option<&Entry>,
    last: Option<LocalId>,
    intent: &Intent,
) -> Result<Option<LocalId>, Error> {
    let Some(newest) = newest else {
        return match last {
            None => Ok(None),
            Some(last) => Err(Error::new(
                ErrorKind::NotFound,
                format!("there is no job {last}"),
            )),
        };
    };
    let is_open = newest.state == State::Ambiguous && newest.superseded_by.is_none();
    let is_settled = is_open && newest.resolved_by_hand;
    // What a person has said stands, whichever job was seen.
    if Some(newest.id) != last && !(is_settled && newest.is_not_charged()) {
        return Err(taken(newest));
    }
    match newest.state {
        State::NotSent | State::Refused | State::Failed => Ok(None),
        State::Ambiguous if is_open && newest.is_not_charged() => {
            is_still_not_charged(credits, newest, intent)?;
            Ok(Some(newest.id))
        }
        // It was charged, and its id is lost: that it is bought again is for the caller to decide, who names it.
        State::Ambiguous if is_settled => Ok(Some(newest.id)),
        State::Intended
        | State::Sent
        | State::Ambiguous
        | State::Accepted
        | State::Completed
        | State::Downloaded => Err(taken(newest)),
    }
}

/// What another batch had bought when the newest job of the row was intended was passed then: it was wanted anew.
fn beside_other_batches(
    rivals: &[Entry],
    row: &Row,
    newest: Option<&Entry>,
    intent: &Intent,
) -> Result<(), Error> {
    let stands_in_the_way = |rival: &&Entry| {
        let is_the_same = rival.row.as_ref() == Some(&row.name)
            && (&rival.text, rival.duration) == (&intent.text, intent.duration);
        is_the_same
            && rival.batch.as_ref() != Some(&row.batch)
            && is_bought(rival.state)
            && newest.is_none_or(|newest| rival.id > newest.id)
    };
    if intent.anew {
        return Ok(());
    }
    match rivals.iter().find(stands_in_the_way) {
        Some(rival) => {
            let message = format!(
                "another batch has bought the same, or is buying it: job {}",
                rival.id
            );
            Err(Error::new(ErrorKind::Taken, message).about(rival.id))
        }
        None => Ok(()),
    }
}

const fn is_bought(state: State) -> bool {
    match state {
        State::Intended
        | State::Sent
        | State::Ambiguous
        | State::Accepted
        | State::Completed
        | State::Downloaded => true,
        State::NotSent | State::Refused | State::Failed => false,
    }
}

/// A verdict is checked again right before it is acted on, by a look that was taken for it.
fn is_still_not_charged(credits: &Credits, entry: &Entry, intent: &Intent) -> Result<(), Error> {
    let looked = intent.look.as_ref();
    let is_fresh = looked.is_some_and(|look| credits.is_last(look));
    let found = reconcile(credits, entry)?;
    if found == Reconciliation::NotCharged && (is_fresh || entry.resolved_by_hand) {
        return Ok(());
    }
    let message = format!(
        "job {} was found not to be charged, and the balance no longer shows that",
        entry.id
    );
    Err(Error::new(ErrorKind::Taken, message).about(entry.id))
}

fn taken(rival: &Entry) -> Error {
    let message = match rival.state {
        State::Intended | State::Sent => "the same is being bought already",
        State::Ambiguous => "the same was sent before and may have been charged",
        State::Accepted | State::Completed => "the same was bought before and is not here yet",
        State::NotSent | State::Refused | State::Failed | State::Downloaded => {
            "the same was bought before"
        }
    };
    Error::new(ErrorKind::Taken, format!("{message}: job {}", rival.id)).about(rival.id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Look;
    use crate::entry::Reserved;

    fn intent() -> Intent {
        Intent::new(1, Account::new("http://a", "u"), "text", 10, b"{}").after(Look::new(0))
    }

    fn entry(state: State) -> Entry {
        let reserved = Reserved {
            expected: Some(10),
            alone: true,
            service_at: 5,
        };
        let mut entry = Entry::begin(LocalId(1), &intent(), reserved, 5);
        entry.state = state;
        entry
    }

    fn begun(once: Once, rival: Entry) -> Result<Option<LocalId>, ErrorKind> {
        let intent = intent().once(once);
        let begun = intend(&mut Credits::new(), &[rival], LocalId(2), &intent, 5);
        begun
            .map(|begun| begun.supersedes)
            .map_err(|error| error.kind())
    }

    /// A storage may give more rivals than the filter lets through.
    #[test]
    fn a_prompt_is_not_bought_beside_what_may_yet_come() {
        for state in State::ALL {
            let expected = match state {
                State::Intended
                | State::Sent
                | State::Ambiguous
                | State::Accepted
                | State::Completed => Err(ErrorKind::Taken),
                State::NotSent | State::Refused | State::Failed | State::Downloaded => Ok(None),
            };
            assert_eq!(begun(Once::Prompt, entry(state)), expected, "{state}");
        }
    }

    /// Another prompt was bought in its place, by hand.
    #[test]
    fn a_row_that_was_bought_in_another_way_is_not_bought_again() {
        let once = Once::Row {
            row: Row::new("batch", "row"),
            last: Some(LocalId(1)),
        };
        let mut lost = entry(State::Ambiguous);
        (lost.batch, lost.row) = (Some(String::from("batch")), Some(String::from("row")));
        lost.resolved_by_hand = true;
        for said in [Reconciliation::NotCharged, Reconciliation::Charged] {
            lost.reconciliation = Some(said);
            lost.superseded_by = None;
            assert_eq!(begun(once.clone(), lost.clone()), Ok(Some(LocalId(1))));
            lost.superseded_by = Some(LocalId(3));
            assert_eq!(begun(once.clone(), lost.clone()), Err(ErrorKind::Taken));
        }
    }

    #[test]
    fn the_balance_tells_only_of_a_job_that_was_looked_at_and_went_alone() {
        let mut credits = Credits::new();
        let found = intend(&mut credits, &[], LocalId(1), &intent(), 5).unwrap();
        let mut entry = found.entry;
        entry.alone = true;
        assert_eq!(foresee(&credits, &entry), None);
        entry.look_before = None;
        assert_eq!(foresee(&credits, &entry), Some(Doubt::NoLookBefore));
        entry.look_before = Some(Look::new(0));
        entry.alone = false;
        assert_eq!(foresee(&credits, &entry), Some(Doubt::OtherJobs));
        entry.alone = true;
        intend(&mut credits, &[], LocalId(2), &intent(), 5).unwrap();
        assert_eq!(foresee(&credits, &entry), Some(Doubt::OtherJobs));
    }
}

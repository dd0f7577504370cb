//! Keys and URLs are names of accounts.

use super::fixture::{Kept, Party, START, done, holds, look, observed, total};
use super::{Finding, Rule};
use crate::{Account, Alias, Event, Filter, Ledger, LocalId};

const RULE: Rule = Rule::Accounts;

pub(super) async fn check<L: Ledger, F: AsyncFnMut(&str) -> L>(
    open: &mut F,
) -> Result<(), Finding> {
    an_alias_is_kept(open).await?;
    jobs_move_to_their_account(open).await
}

/// What is known of one account's credits says nothing of another's.
pub(super) async fn are_separate<L: Ledger, F: AsyncFnMut(&str) -> L>(
    open: &mut F,
) -> Result<(), Finding> {
    const RULE: Rule = Rule::Credits;
    let ledger = open("two accounts").await;
    for (key, used) in [(1, 5), (2, 9)] {
        let party = Party::new(&format!("account {key}"));
        observed(RULE, &ledger, &party, &look(used, 0)).await?;
        let mut intent = party.intent(key, 10).after(look(used, 0)).within(total(7));
        intent.limits.per_job = Some(7);
        let began = ledger.intend(&intent, START).await;
        done(RULE, "the first purchase of an account", began)?;
        let credits = done(RULE, "credits", ledger.credits(&party.account).await)?;
        let promised = credits.spending(START).total;
        holds(RULE, promised == 7, || {
            format!("an account's one job is promised 7 credits, and the account tells {promised}")
        })?;
    }
    Ok(())
}

async fn an_alias_is_kept<L: Ledger, F: AsyncFnMut(&str) -> L>(
    open: &mut F,
) -> Result<(), Finding> {
    let one = Party::new("one");
    let other = Party::new("other");
    let rotated = Party {
        alias: Party::new("rotated").alias,
        account: one.account.clone(),
    };
    let parties = [&one, &other, &rotated];
    {
        let ledger = open("aliases").await;
        for party in parties {
            observed(RULE, &ledger, party, &look(3, 0)).await?;
        }
    }
    let ledger = open("aliases").await;
    for party in parties {
        let account = done(RULE, "account", ledger.account(&party.alias).await)?;
        holds(RULE, account.as_ref() == Some(&party.account), || {
            format!(
                "{} belongs to {}, and came back as {account:?}",
                party.alias, party.account
            )
        })?;
    }
    let unknown = ledger.account(&Party::new("unknown").alias).await;
    let unknown = done(RULE, "account", unknown)?;
    holds(RULE, unknown.is_none(), || {
        format!("an alias that was never seen belongs to {unknown:?}")
    })
}

/// Jobs that were kept under two keys, before it was known that they are of one account.
async fn jobs_move_to_their_account<L: Ledger, F: AsyncFnMut(&str) -> L>(
    open: &mut F,
) -> Result<(), Finding> {
    let party = Party::new("person");
    let keys = ["first key", "second key"].map(|key| Party {
        alias: Party::new(key).alias,
        account: party.account.clone(),
    });
    let stranger = Party::new("stranger");
    let stays = Account::from(stranger.alias.clone());
    let mut moved = Vec::new();
    {
        let ledger = open("moved").await;
        for (base, key) in (0..).step_by(10).zip(&keys) {
            moved.extend(two_jobs(&ledger, &key.alias, base).await?);
        }
        two_jobs(&ledger, &stranger.alias, 100).await?;
        for key in &keys {
            observed(RULE, &ledger, key, &look(0, 1)).await?;
        }
    }
    let ledger = open("moved").await;
    let found = ledger.entries(&Filter::of(party.account.clone())).await;
    let found: Vec<_> = done(RULE, "entries", found)?
        .iter()
        .rev()
        .map(|entry| entry.id)
        .collect();
    holds(RULE, found == moved, || {
        format!("jobs {moved:?} were of the account's keys, and it has {found:?}")
    })?;
    for id in moved {
        let entry = Kept::of(&ledger, &party, id).await?.entry;
        let account = entry.map(|entry| entry.account);
        holds(RULE, account.as_ref() == Some(&party.account), || {
            format!("job {id} is on {account:?}")
        })?;
    }
    // Each key has one job of seven credits under way.
    for (account, promised) in [
        (&party.account, 14),
        (&stays, 7),
        (&Account::from(keys[0].alias.clone()), 0),
    ] {
        let credits = done(RULE, "credits", ledger.credits(account).await)?;
        let spending = credits.spending(START + 1_000).total;
        holds(RULE, spending == promised, || {
            format!("{promised} credits are promised on {account}, and it tells {spending}")
        })?;
    }
    Ok(())
}

/// Two jobs of seven credits under an alias whose account is not known; one of them is not sent.
async fn two_jobs<L: Ledger>(
    ledger: &L,
    alias: &Alias,
    base: u128,
) -> Result<[LocalId; 2], Finding> {
    let party = Party {
        alias: alias.clone(),
        account: Account::from(alias.clone()),
    };
    let mut ids = [LocalId(0); 2];
    let events = [Event::Sent, Event::NotSent(String::from("no"))];
    for ((key, event), id) in (base..).zip(events).zip(&mut ids) {
        observed(RULE, ledger, &party, &look(0, 0)).await?;
        let mut intent = party.intent(key, 10).after(look(0, 0)).within(total(99));
        intent.limits.per_job = Some(7);
        *id = done(RULE, "intend", ledger.intend(&intent, START).await)?.id;
        done(RULE, "record", ledger.record(*id, &event, START).await)?;
    }
    Ok(ids)
}

//! A storage has a name of its own.

use super::fixture::{Party, START, done, holds};
use super::{Finding, Rule};
use crate::Ledger;

const RULE: Rule = Rule::Named;

pub(super) async fn check<L: Ledger, F: AsyncFnMut(&str) -> L>(
    open: &mut F,
) -> Result<(), Finding> {
    let first = open("one name").await;
    let name = name_of(&first).await?;
    let is_plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric());
    holds(RULE, is_plain && (1..=64).contains(&name.len()), || {
        format!("a name has 1 to 64 letters and digits, and this is {name:?}")
    })?;
    let beside = name_of(&open("one name").await).await?;
    let intent = Party::new("name").intent(1, 10);
    done(RULE, "intend", first.intend(&intent, START).await)?;
    let later = name_of(&first).await?;
    drop(first);
    let again = name_of(&open("one name").await).await?;
    holds(RULE, [&beside, &later, &again] == [&name; 3], || {
        format!(
            "a storage was named {name:?}, then {beside:?} by another process, {later:?} after an intent, and \
             {again:?} after all had ended"
        )
    })?;
    let other = name_of(&open("another name").await).await?;
    holds(RULE, other != name, || {
        format!("two storages are named {name:?}")
    })
}

async fn name_of<L: Ledger>(ledger: &L) -> Result<String, Finding> {
    done(RULE, "name", ledger.name().await)
}

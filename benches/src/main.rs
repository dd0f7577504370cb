//! Units of work that `cargo xtask bench` runs one after the other, genrex's own and those that it is held against.
//! Each prints one line of JSON: how many times the work was done, and what that took.

#![forbid(unsafe_code)]

mod axum_peer;
mod downloads;
mod ledger;
mod load;
mod many;
mod measure;
mod meter;
mod pieces;
mod polls;
mod responder;
mod signing;
mod wire;

use std::time::Duration;

use anyhow::{Context as _, bail};

fn main() -> anyhow::Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let (name, rest) = words.split_first().context("which unit?")?;
    let word = |place: usize| {
        let word = rest.get(place).map(String::as_str);
        word.with_context(|| format!("{name} takes more words"))
    };
    let number = |place: usize| anyhow::Ok(word(place)?.parse::<u64>()?);
    let pace = |place: usize| anyhow::Ok(Duration::from_millis(number(place)?));
    match name.as_str() {
        "sign" => signing::sign(word(0)?, number(1)?),
        "verify" => signing::verify(word(0)?, number(1)?),
        "poll" => polls::run(word(0)?, word(1)?, number(2)?),
        "download" => downloads::run(word(0)?, word(1)?, word(2)?),
        "respond" => responder::run(number(0)?),
        "axum" => axum_peer::run(),
        "load" => load::run(word(0)?, word(1)?, number(2)?, number(3)?),
        "connections" => load::connections(word(0)?, number(1)?),
        "pieces" => pieces::run(word(0)?, word(1)?, number(2)?),
        "many-jobs" => many::run(word(0)?, word(1)?, number(2)?, pace(3)?),
        "few-descriptors" => many::run_within(number(4)?, word(0)?, word(1)?, number(2)?, pace(3)?),
        "answer-many" => many::serve(pace(0)?, number(1)?),
        "intend" => ledger::intend(word(0)?, number(1)?, number(2)?),
        "group" => ledger::group(word(0)?, number(1)?, number(2)?),
        "fdatasync" => ledger::fdatasync(word(0)?, number(1)?),
        "measure" => measure::run(rest),
        _ => bail!("there is no unit called {name}"),
    }
}

//! Every error of `docs/errors.md` is provoked, and every command that it names is typed as it was printed: it is
//! there, it does what was said, and it buys nothing.

mod rows;
mod settled;
mod world;

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use self::world::{Provoked, World};
use crate::support::{code, error, json, stderr};
use crate::trouble::run_printed;

/// A row of the page, and how it comes about.
pub(crate) struct Row {
    /// How its message begins.
    message: &'static str,
    kind: &'static str,
    exit: i32,
    /// What provokes it, as the page says it.
    command: &'static str,
    /// What it means for the credits, as the page says it.
    credits: &'static str,
    /// The commands that it names, and the code with which each ends when it is typed.
    next: &'static [(&'static str, i32)],
    provoke: fn(&World) -> Provoked,
}

fn rows() -> impl Iterator<Item = &'static Row> {
    rows::ROWS.iter().chain(settled::ROWS)
}

#[test]
fn the_page_has_the_errors_that_the_program_has() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/errors.md");
    let page = fs::read_to_string(path).unwrap();
    let mut table = String::from(
        "| error | kind | exit | provoked by | your credits | commands that it names |\n| --- | --- | --- | --- | --- | --- |\n",
    );
    for row in rows() {
        let next = row.next.iter().map(|(command, _)| format!("`{command}`"));
        let next = next.collect::<Vec<_>>().join(", ");
        let Row {
            message,
            kind,
            exit,
            command,
            credits,
            ..
        } = row;
        writeln!(
            table,
            "| {message} | `{kind}` | {exit} | {command} | {credits} | {next} |"
        )
        .unwrap();
    }
    assert!(
        page.contains(&table),
        "put this into docs/errors.md:\n{table}"
    );
}

#[test]
fn every_error_is_as_the_page_says_and_every_command_leads_on() {
    let mut findings = Vec::new();
    for row in rows() {
        if let Err(found) = check(row) {
            findings.push(format!("{} ({}): {found}", row.message, row.command));
        }
    }
    assert!(findings.is_empty(), "{}", findings.join("\n\n"));
}

fn check(row: &Row) -> Result<(), String> {
    let world = World::new();
    let provoked = (row.provoke)(&world);
    let failed = error(&provoked.output);
    let found = (
        failed["kind"].as_str().unwrap_or_default(),
        code(&provoked.output),
    );
    if found != (row.kind, row.exit) || !begins(&failed["message"], row.message) {
        return Err(format!("{failed}"));
    }
    let printed = commands(&failed);
    let plain: Vec<_> = printed.iter().map(|it| plain(it)).collect();
    let expected: Vec<_> = row.next.iter().map(|(command, _)| *command).collect();
    if plain != expected {
        return Err(format!("it names {plain:?}: {failed}"));
    }
    let bought = world.bought(&provoked);
    for (command, (_, exit)) in printed.iter().zip(row.next) {
        let typed = command.replace("--output PATH", "--output elsewhere.wav");
        let ran = run_printed(world.folder(), &provoked.environment, &typed);
        if code(&ran) != *exit {
            return Err(format!(
                "{typed} ends with {}: {}",
                code(&ran),
                stderr(&ran)
            ));
        }
    }
    if world.bought(&provoked) != bought {
        return Err(format!("one of {printed:?} has bought something"));
    }
    Ok(())
}

fn begins(message: &serde_json::Value, start: &str) -> bool {
    message
        .as_str()
        .is_some_and(|message| message.starts_with(start))
}

/// The commands in what is said, as they are printed: the end of one is a comma, a semicolon, a full stop, or the end.
fn commands(failed: &serde_json::Value) -> Vec<String> {
    let hint = failed["hint"].as_str().unwrap_or_default();
    let mut found: Vec<String> = hint
        .match_indices("genrex ")
        .map(|(at, _)| {
            let rest = &hint[at..];
            let ends = [", ", "; ", ". "].map(|end| rest.find(end).unwrap_or(rest.len()));
            let end = ends.into_iter().min().unwrap_or(rest.len());
            rest[..end].to_owned()
        })
        .collect();
    found.extend(failed["resume"].as_str().map(str::to_owned));
    found
}

/// A command without what says where the test's own service is.
fn plain(command: &str) -> String {
    let mut words: Vec<_> = command.split(' ').collect();
    while let Some(at) = words.iter().position(|word| *word == "--base-url") {
        words.drain(at..at + 2);
    }
    words.join(" ")
}

/// How many credits a sandbox says are used, if it says so.
pub(crate) fn used(world: &World, provoked: &Provoked) -> Option<u64> {
    let sandbox = provoked.sandbox.as_ref()?;
    let balance = sandbox.run(world.folder(), &["balance", "--json"]);
    let is_told = code(&balance) == 0;
    is_told.then(|| json(&balance)["creditsUsed"].as_u64())?
}

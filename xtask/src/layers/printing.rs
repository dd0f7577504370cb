//! One module of a front end prints, and escapes what it prints; one draws bars, whose text goes through the same
//! function. Nothing else reaches a terminal.

use super::Violation;
use crate::source::Module;
use crate::tokens;

/// The module that prints.
const PRINTS: &str = "output";
/// The module that draws.
const DRAWS: &str = "progress";

/// What reaches standard output or standard error.
const STREAMS: [&[&str]; 15] = [
    &["anstream"],
    &["clap", "error"],
    &["std", "io", "*"],
    &["std", "io", "stderr"],
    &["std", "io", "stdout"],
    &["std", "io", "Stderr"],
    &["std", "io", "Stdout"],
    &["tokio", "io", "*"],
    &["tokio", "io", "stderr"],
    &["tokio", "io", "stdout"],
    &["dbg"],
    &["eprint"],
    &["eprintln"],
    &["print"],
    &["println"],
];

const BARS: &[&str] = &["indicatif"];

/// What sets a bar's text; each is given what this function made.
const TEXTS: [&str; 2] = ["set_message", "set_prefix"];
const ESCAPES: &str = "shown";

/// What sets a bar's text too, or prints beside it, and is not needed.
const OTHER_TEXTS: [&str; 5] = [
    "abandon_with_message",
    "finish_with_message",
    "println",
    "with_message",
    "with_prefix",
];

pub(super) fn violations(module: &Module) -> Vec<Violation> {
    let mut found = Vec::new();
    let mut add = |line, what: String| {
        found.push(Violation {
            file: module.file.clone(),
            line,
            what,
        });
    };
    for named in tokens::named(module) {
        let prints = module.path != PRINTS && STREAMS.iter().any(|path| named.begins_with(path));
        let draws = module.path != DRAWS && named.begins_with(BARS);
        if prints || draws {
            let what = named.path.join("::");
            add(
                named.line,
                format!("`{PRINTS}` prints, and `{DRAWS}` draws: {what}"),
            );
        }
    }
    tokens::each_level(module.tokens(), &mut |level| {
        for chain in tokens::chains(level) {
            for call in tokens::calls(level, chain) {
                let line = tokens::line(&level[call.at]);
                let name = call.name.as_str();
                let first = call.arguments.clone().into_iter().next();
                let is_shown = first.is_some_and(|first| first.to_string() == ESCAPES);
                if OTHER_TEXTS.contains(&name) || (TEXTS.contains(&name) && !is_shown) {
                    add(
                        line,
                        format!("a bar's text is what `{ESCAPES}` made: `{name}`"),
                    );
                }
            }
        }
    });
    found
}

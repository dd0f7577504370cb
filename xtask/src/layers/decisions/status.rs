//! A transport hands a status over, and never looks at it.

use proc_macro2::{Delimiter, TokenTree};

use super::Found;
use crate::layers::Kind;
use crate::tokens::{self, Named, is, is_joint, word};

const JUDGES: [&str; 7] = [
    "as_u16",
    "is_client_error",
    "is_informational",
    "is_redirection",
    "is_server_error",
    "is_success",
    "canonical_reason",
];

const WHAT: &str = "what a status means is the core's to know";

pub(super) fn in_path(named: &Named, found: &mut Found) {
    if named.path.iter().any(|segment| segment == "StatusCode") {
        found.push((named.line, WHAT.to_owned()));
    }
}

pub(super) fn in_level(level: &[TokenTree], kind: Kind, found: &mut Found) {
    for chain in tokens::chains(level) {
        for call in tokens::calls(level, chain) {
            let line = tokens::line(&level[call.at]);
            let judged = JUDGES.contains(&call.name.as_str());
            let asked = kind == Kind::Client
                && call.name == "status"
                && call.arguments.is_empty()
                && !is_handed_over(level, chain.start, call.at + 3);
            if judged || asked {
                found.push((line, WHAT.to_owned()));
            }
        }
    }
    if kind == Kind::Client {
        compared(level, found);
    }
}

/// `.status()` is all of a field's value, an argument or the right side of an assignment.
fn is_handed_over(level: &[TokenTree], start: usize, after: usize) -> bool {
    let ends = after >= level.len() || is(level, after, ';') || is(level, after, ',');
    let begin = (0..start)
        .rev()
        .find(|&at| is(level, at, ';') || is(level, at, ','));
    let begin = begin.map_or(0, |at| at + 1);
    let words = (begin..start).filter_map(|at| word(level, at));
    let kept = words
        .into_iter()
        .any(|word| ["let", "if", "match", "while", "return"].contains(&word.as_str()));
    let compared = (begin..start).any(|at| is_joint(level, at, '=') || is_joint(level, at, '!'));
    ends && !kept && !compared
}

/// A variable or a field that is called a status, compared or matched.
fn compared(level: &[TokenTree], found: &mut Found) {
    for (at, token) in level.iter().enumerate() {
        let Some(name) = word(level, at) else {
            continue;
        };
        let is_status = name == "status" || name.ends_with("_status");
        let mut after = at + 1;
        if matches!(level.get(after), Some(TokenTree::Group(group))
            if group.delimiter() == Delimiter::Parenthesis)
        {
            after += 1;
        }
        let compares = ['=', '!', '<', '>']
            .iter()
            .any(|&sign| is_joint(level, after, sign) && is(level, after + 1, '='))
            || (is(level, after, '<') || is(level, after, '>'));
        let matched = level[..at]
            .iter()
            .rev()
            .take(6)
            .take_while(|token| !matches!(token, TokenTree::Punct(sign) if sign.as_char() == ';'))
            .any(|token| matches!(token, TokenTree::Ident(word) if word == "match"))
            && matches!(level.get(after), Some(TokenTree::Group(group))
                if group.delimiter() == Delimiter::Brace);
        if is_status && (compares || matched) {
            found.push((tokens::line(token), WHAT.to_owned()));
        }
        if name == "matches" && is(level, at + 1, '!') {
            let Some(TokenTree::Group(group)) = level.get(at + 2) else {
                continue;
            };
            if tokens::all_words(group.stream())
                .iter()
                .any(|word| word == "status")
            {
                found.push((tokens::line(token), WHAT.to_owned()));
            }
        }
    }
}

//! What a decision rests on is typed: no error's text and no detail is searched or compared.

use std::collections::BTreeSet;

use proc_macro2::{Delimiter, TokenStream, TokenTree};

use super::Found;
use crate::source::Module;
use crate::tokens::{self, Chain, is, is_joint, receiver_words, word};

/// What is called so is an error.
const ERRORS: [&str; 6] = ["cause", "err", "error", "failure", "source", "why"];
/// What makes, or is, its text.
const TEXTS: [&str; 4] = ["description", "format", "message", "to_string"];
/// A text of the ledger that is for people.
const DETAIL: &str = "detail";

const READS: [&str; 13] = [
    "contains",
    "ends_with",
    "eq",
    "eq_ignore_ascii_case",
    "find",
    "matches",
    "parse",
    "rfind",
    "rsplit_once",
    "split_once",
    "starts_with",
    "strip_prefix",
    "strip_suffix",
];

/// The names that a module gives to texts of errors.
pub(super) fn names_of_texts(module: &Module) -> BTreeSet<String> {
    let mut names = BTreeSet::from([DETAIL.to_owned()]);
    tokens::each_level(module.tokens(), &mut |level| {
        for at in 0..level.len() {
            if word(level, at).as_deref() != Some("let") {
                continue;
            }
            let named = if word(level, at + 1).as_deref() == Some("mut") {
                at + 2
            } else {
                at + 1
            };
            let (Some(name), Some(equals)) = (
                word(level, named),
                (named..level.len()).find(|&at| is(level, at, '=') || is(level, at, ';')),
            ) else {
                continue;
            };
            let value = (equals + 1..level.len()).find(|&at| !is(level, at, '&'));
            let chain = value.and_then(|start| chain_at(level, start));
            if chain.is_some_and(|chain| is_text(&level[chain.start..chain.end], &BTreeSet::new()))
            {
                names.insert(name);
            }
        }
    });
    names
}

pub(super) fn in_level(level: &[TokenTree], texts: &BTreeSet<String>, found: &mut Found) {
    for chain in tokens::chains(level) {
        let line = tokens::line(&level[chain.start]);
        for call in tokens::calls(level, chain) {
            let reads = READS.contains(&call.name.as_str()) || reads_within(&call.arguments);
            if reads && is_text(&level[chain.start..call.at], texts) {
                found.push((line, says(&call.name)));
            }
        }
        if is_compared(level, chain) && is_text(&level[chain.start..chain.end], texts) {
            found.push((line, says("==")));
        }
        let arms = level.get(chain.end).filter(|_| follows_match(level, chain));
        if let Some(TokenTree::Group(arms)) = arms
            && has_text_patterns(arms.stream())
            && is_text(&level[chain.start..chain.end], texts)
        {
            found.push((line, says("match")));
        }
    }
}

fn says(how: &str) -> String {
    format!("a text is for people: `{how}` must not decide by one")
}

fn is_text(receiver: &[TokenTree], texts: &BTreeSet<String>) -> bool {
    let words = receiver_words(receiver);
    let has = |wanted: &[&str]| words.iter().any(|word| wanted.contains(&word.as_str()));
    let is_own =
        |at: usize| is(receiver, at, '.') && word(receiver, at + 1).as_deref() == Some(DETAIL);
    let named = word(receiver, 0).is_some_and(|first| texts.contains(&first))
        && !is(receiver, 1, ':')
        && !matches!(receiver.get(1), Some(TokenTree::Group(_)));
    named || (0..receiver.len()).any(is_own) || (has(&ERRORS) && has(&TEXTS))
}

/// A closure such as `|detail| detail.contains("…")`.
fn reads_within(arguments: &TokenStream) -> bool {
    let mut reads = false;
    let begins = arguments.clone().into_iter().next();
    let is_closure = matches!(begins, Some(TokenTree::Punct(sign)) if sign.as_char() == '|');
    tokens::each_level(arguments.clone(), &mut |level| {
        for chain in tokens::chains(level) {
            let calls = tokens::calls(level, chain);
            reads |= calls.iter().any(|call| READS.contains(&call.name.as_str()));
            reads |= is_compared(level, chain);
        }
    });
    is_closure && reads
}

fn is_compared(level: &[TokenTree], chain: Chain) -> bool {
    let equals = |at: usize| {
        (is_joint(level, at, '=') || is_joint(level, at, '!')) && is(level, at + 1, '=')
    };
    let before = (0..chain.start)
        .rev()
        .find(|&at| !is(level, at, '&') && !is(level, at, '*'));
    equals(chain.end) || before.is_some_and(|at| at > 0 && equals(at - 1))
}

fn follows_match(level: &[TokenTree], chain: Chain) -> bool {
    let before = (0..chain.start).rev().find(|&at| !is(level, at, '&'));
    before.is_some_and(|at| word(level, at).as_deref() == Some("match"))
}

/// Whether an arm's pattern holds a text: `"…" =>`, `Some("…") =>`.
fn has_text_patterns(arms: TokenStream) -> bool {
    let level: Vec<_> = arms.into_iter().collect();
    (1..level.len()).any(|at| {
        let ends = (is_joint(&level, at, '=') && is(&level, at + 1, '>')) || is(&level, at, '|');
        ends && match &level[at - 1] {
            TokenTree::Literal(literal) => literal.to_string().contains('"'),
            TokenTree::Group(group) => {
                group.delimiter() == Delimiter::Parenthesis
                    && group.stream().to_string().contains('"')
            }
            _ => false,
        }
    })
}

fn chain_at(level: &[TokenTree], start: usize) -> Option<Chain> {
    tokens::chains(level)
        .into_iter()
        .find(|chain| chain.start == start)
}

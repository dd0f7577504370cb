//! Sources as tokens: what is named in them, and what is called on what. Tokens see into macros, where a
//! syntax tree ends.

use std::collections::HashMap;

use proc_macro2::{Delimiter, Spacing, Span, TokenStream, TokenTree};
use syn::{Item, UseTree};

use crate::source::Module;

/// A path that a module names, as from the root of crates, and the line that it stands on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Named {
    pub(crate) path: Vec<String>,
    pub(crate) line: usize,
}

impl Named {
    pub(crate) fn begins_with(&self, prefix: &[&str]) -> bool {
        self.path.len() >= prefix.len() && self.path.iter().zip(prefix).all(|(a, b)| a == b)
    }

    /// Whether these segments follow one another somewhere in it.
    pub(crate) fn holds(&self, segments: &[&str]) -> bool {
        self.path
            .windows(segments.len())
            .any(|part| part == segments)
    }
}

/// All paths that a module names: in its imports, and elsewhere with its imports put in.
pub(crate) fn named(module: &Module) -> Vec<Named> {
    let mut found = Vec::new();
    let mut imports = HashMap::new();
    gather_imports(&module.items, &mut found, &mut imports);
    each_level(module.tokens(), &mut |level| {
        paths_of_level(level, &imports, &mut found);
    });
    found
}

fn gather_imports(
    items: &[Item],
    found: &mut Vec<Named>,
    imports: &mut HashMap<String, Vec<String>>,
) {
    for item in items {
        match item {
            Item::Use(import) => flatten(&import.tree, &mut Vec::new(), found, imports),
            Item::Mod(inner) => {
                let inner = inner.content.as_ref().map(|(_, items)| items.as_slice());
                gather_imports(inner.unwrap_or_default(), found, imports);
            }
            _ => {}
        }
    }
}

fn flatten(
    tree: &UseTree,
    before: &mut Vec<String>,
    found: &mut Vec<Named>,
    imports: &mut HashMap<String, Vec<String>>,
) {
    let mut ends = |name: String, known_as: Option<String>, span: Span| {
        let mut path = before.clone();
        if name != "self" {
            path.push(name);
        }
        let last = path.last().cloned();
        if let Some(known_as) = known_as.or(last) {
            imports.insert(known_as, path.clone());
        }
        let line = span.start().line;
        found.push(Named { path, line });
    };
    match tree {
        UseTree::Path(path) => {
            before.push(path.ident.to_string());
            flatten(&path.tree, before, found, imports);
            before.pop();
        }
        UseTree::Name(name) => ends(name.ident.to_string(), None, name.ident.span()),
        UseTree::Rename(name) => ends(
            name.ident.to_string(),
            Some(name.rename.to_string()),
            name.ident.span(),
        ),
        UseTree::Glob(glob) => {
            let line = glob.star_token.spans[0].start().line;
            let mut path = before.clone();
            path.push("*".to_owned());
            found.push(Named { path, line });
        }
        UseTree::Group(group) => {
            for tree in &group.items {
                flatten(tree, before, found, imports);
            }
        }
    }
}

fn paths_of_level(
    level: &[TokenTree],
    imports: &HashMap<String, Vec<String>>,
    found: &mut Vec<Named>,
) {
    let mut at = 0;
    while let Some(token) = level.get(at) {
        let TokenTree::Ident(first) = token else {
            at += 1;
            continue;
        };
        let begins = at == 0 || !(is(level, at - 1, '.') || is(level, at - 1, ':'));
        let begins = begins || (at > 1 && is(level, at - 1, ':') && !is(level, at - 2, ':'));
        let first_name = first.to_string();
        let mut path = match imports.get(&first_name) {
            Some(import) => import.clone(),
            None => vec![first_name],
        };
        at += 1;
        while is(level, at, ':') && is(level, at + 1, ':') {
            let Some(TokenTree::Ident(next)) = level.get(at + 2) else {
                break;
            };
            path.push(next.to_string());
            at += 3;
        }
        if begins {
            let line = first.span().start().line;
            found.push(Named { path, line });
        }
    }
}

/// Calls a function with every sequence of tokens that stands between the same brackets.
pub(crate) fn each_level(stream: TokenStream, visit: &mut impl FnMut(&[TokenTree])) {
    let level: Vec<_> = stream.into_iter().collect();
    visit(&level);
    for token in level {
        if let TokenTree::Group(group) = token {
            each_level(group.stream(), visit);
        }
    }
}

pub(crate) fn is(level: &[TokenTree], at: usize, sign: char) -> bool {
    matches!(level.get(at), Some(TokenTree::Punct(found)) if found.as_char() == sign)
}

/// Whether a sign stands here that the next one belongs to, as `=` in `==`.
pub(crate) fn is_joint(level: &[TokenTree], at: usize, sign: char) -> bool {
    matches!(level.get(at), Some(TokenTree::Punct(found))
        if found.as_char() == sign && found.spacing() == Spacing::Joint)
}

pub(crate) fn word(level: &[TokenTree], at: usize) -> Option<String> {
    match level.get(at) {
        Some(TokenTree::Ident(ident)) => Some(ident.to_string()),
        _ => None,
    }
}

pub(crate) fn line(token: &TokenTree) -> usize {
    token.span().start().line
}

/// An expression such as `error.to_string()` or `format!("{error}").trim()`: where it begins and ends in
/// its level.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Chain {
    pub(crate) start: usize,
    pub(crate) end: usize,
}

/// A method that a chain calls.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) name: String,
    pub(crate) arguments: TokenStream,
    /// Where the receiver ends.
    pub(crate) at: usize,
}

const KEYWORDS: [&str; 18] = [
    "as", "async", "break", "const", "else", "fn", "for", "if", "impl", "in", "let", "loop",
    "match", "move", "mut", "ref", "return", "while",
];

/// All chains of a level, each as long as it goes.
pub(crate) fn chains(level: &[TokenTree]) -> Vec<Chain> {
    let mut chains = Vec::new();
    let mut at = 0;
    while at < level.len() {
        let end = chain_end(level, at);
        if end > at {
            chains.push(Chain { start: at, end });
            at = end;
        } else {
            at += 1;
        }
    }
    chains
}

fn chain_end(level: &[TokenTree], start: usize) -> usize {
    let begins = match &level[start] {
        TokenTree::Ident(ident) => !KEYWORDS.contains(&ident.to_string().as_str()),
        TokenTree::Literal(_) => true,
        TokenTree::Group(group) => group.delimiter() != Delimiter::Brace,
        TokenTree::Punct(_) => false,
    };
    if !begins {
        return start;
    }
    let mut at = start + 1;
    loop {
        if is(level, at, ':') && is(level, at + 1, ':') {
            at = match level.get(at + 2) {
                Some(TokenTree::Ident(_)) => at + 3,
                Some(_) if is(level, at + 2, '<') => after_angle(level, at + 2),
                _ => return at,
            };
        } else if is(level, at, '.') && !is(level, at + 1, '.') {
            match level.get(at + 1) {
                Some(TokenTree::Ident(_) | TokenTree::Literal(_)) => at += 2,
                _ => return at,
            }
        } else if is(level, at, '?') {
            at += 1;
        } else if is(level, at, '!') && matches!(level.get(at + 1), Some(TokenTree::Group(_))) {
            at += 2;
        } else {
            match level.get(at) {
                Some(TokenTree::Group(group)) if group.delimiter() != Delimiter::Brace => at += 1,
                _ => return at,
            }
        }
    }
}

fn after_angle(level: &[TokenTree], open: usize) -> usize {
    let mut depth = 0_usize;
    for at in open..level.len() {
        if is(level, at, '<') {
            depth += 1;
        } else if is(level, at, '>') && !(at > 0 && is_joint(level, at - 1, '-')) {
            depth = depth.saturating_sub(1);
            if depth == 0 {
                return at + 1;
            }
        }
    }
    level.len()
}

/// The methods that a chain itself calls, not those in its arguments.
pub(crate) fn calls(level: &[TokenTree], chain: Chain) -> Vec<Call> {
    let mut calls = Vec::new();
    for at in chain.start..chain.end {
        let (true, Some(name)) = (is(level, at, '.'), word(level, at + 1)) else {
            continue;
        };
        let mut open = at + 2;
        if is(level, open, ':') && is(level, open + 1, ':') && is(level, open + 2, '<') {
            open = after_angle(level, open + 2);
        }
        let Some(TokenTree::Group(group)) = level.get(open) else {
            continue;
        };
        if group.delimiter() == Delimiter::Parenthesis {
            calls.push(Call {
                name,
                arguments: group.stream(),
                at,
            });
        }
    }
    calls
}

/// How many arguments stand between a call's brackets.
pub(crate) fn count(arguments: &TokenStream) -> usize {
    let tokens: Vec<_> = arguments.clone().into_iter().collect();
    let commas = (0..tokens.len()).filter(|&at| is(&tokens, at, ',')).count();
    let trailing = !tokens.is_empty() && is(&tokens, tokens.len() - 1, ',');
    match (tokens.is_empty(), trailing) {
        (true, _) => 0,
        (false, true) => commas,
        (false, false) => commas + 1,
    }
}

/// The words of a receiver: of the chain itself, of brackets that it begins with, and of its macros, but
/// not of the arguments of its calls.
pub(crate) fn receiver_words(level: &[TokenTree]) -> Vec<String> {
    let mut words = Vec::new();
    for (at, token) in level.iter().enumerate() {
        match token {
            TokenTree::Ident(ident) => words.push(ident.to_string()),
            TokenTree::Group(group) if at == 0 || is(level, at - 1, '!') => {
                words.extend(all_words(group.stream()));
            }
            _ => {}
        }
    }
    words
}

/// All words of a text, those that a format string captures included.
pub(crate) fn all_words(stream: TokenStream) -> Vec<String> {
    let mut words = Vec::new();
    each_level(stream, &mut |level| {
        for token in level {
            match token {
                TokenTree::Ident(ident) => words.push(ident.to_string()),
                TokenTree::Literal(literal) => captured(&literal.to_string(), &mut words),
                _ => {}
            }
        }
    });
    words
}

fn captured(literal: &str, words: &mut Vec<String>) {
    for part in literal.split('{').skip(1) {
        let is_part = |sign: char| sign.is_alphanumeric() || sign == '_';
        let end = part.find(|sign| !is_part(sign)).unwrap_or(part.len());
        words.push(part[..end].to_owned());
    }
}

//! Clients and front ends decide nothing about credits or the wire: they hold no rule of the ledger, look at
//! no status, calculate with no credits, and read no decision out of a text.

mod credits;
mod ledger;
mod status;
mod text;

use proc_macro2::TokenTree;

use super::{Kind, Violation};
use crate::source::Module;
use crate::tokens;

/// Where something was found, and what is wrong with it.
type Found = Vec<(usize, String)>;

pub(super) fn violations(kind: Kind, module: &Module) -> Vec<Violation> {
    let mut found = Found::new();
    for named in tokens::named(module) {
        ledger::in_path(&named, &mut found);
        status::in_path(&named, &mut found);
    }
    let derived = text::names_of_texts(module);
    tokens::each_level(module.tokens(), &mut |level: &[TokenTree]| {
        ledger::in_level(level, &mut found);
        status::in_level(level, kind, &mut found);
        text::in_level(level, &derived, &mut found);
        credits::in_level(level, &mut found);
    });
    let violation = |(line, what)| Violation {
        file: module.file.clone(),
        line,
        what,
    };
    found.into_iter().map(violation).collect()
}

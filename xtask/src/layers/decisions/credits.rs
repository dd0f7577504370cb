//! Credits are shown, and not calculated with: what counts as spent, and what fits, is the ledger's.

use proc_macro2::{TokenStream, TokenTree};

use super::Found;
use crate::tokens::{self, Chain, is, is_joint};

const CALCULATES: [&str; 10] = [
    "abs_diff",
    "cmp",
    "div_ceil",
    "fold",
    "max",
    "min",
    "partial_cmp",
    "pow",
    "product",
    "sum",
];
const KINDS_OF_ARITHMETIC: [&str; 4] = ["checked_", "overflowing_", "saturating_", "wrapping_"];

pub(super) fn in_level(level: &[TokenTree], found: &mut Found) {
    let chains = tokens::chains(level);
    for &chain in &chains {
        for call in tokens::calls(level, chain) {
            let name = call.name.as_str();
            let calculates = CALCULATES.contains(&name)
                || KINDS_OF_ARITHMETIC
                    .iter()
                    .any(|kind| name.starts_with(kind));
            let of: TokenStream = level[chain.start..call.at].iter().cloned().collect();
            if calculates && (is_of_credits(of) || is_of_credits(call.arguments)) {
                found.push((tokens::line(&level[call.at]), says(name)));
            }
        }
    }
    for at in 0..level.len() {
        let Some(sign) = operator(level, at) else {
            continue;
        };
        let left = chains.iter().find(|chain| chain.end == at);
        // `>=` and `+=` are one sign; `Option<u64> =` is two.
        let next = at + 1 + usize::from(is_joint(level, at, sign) && is(level, at + 1, '='));
        let after = (next..level.len()).find(|&at| !is(level, at, '&') && !is(level, at, '*'));
        let right = chains.iter().find(|chain| Some(chain.start) == after);
        let (Some(left), Some(right)) = (left, right) else {
            continue;
        };
        let credits =
            |chain: &Chain| is_of_credits(level[chain.start..chain.end].iter().cloned().collect());
        if credits(left) || credits(right) {
            found.push((tokens::line(&level[at]), says(&sign.to_string())));
        }
    }
}

fn says(how: &str) -> String {
    format!("`{how}` calculates with credits, which is the ledger's to do")
}

/// An arithmetic sign, or one that puts in order; not a part of `->`, `=>` or `&&`.
fn operator(level: &[TokenTree], at: usize) -> Option<char> {
    let TokenTree::Punct(punct) = &level[at] else {
        return None;
    };
    let sign = punct.as_char();
    let arrow = (sign == '-' && is(level, at + 1, '>') && is_joint(level, at, '-'))
        || (at > 0 && (is_joint(level, at - 1, '=') || is_joint(level, at - 1, '-')));
    ("+-*/%<>".contains(sign) && !arrow).then_some(sign)
}

fn is_of_credits(stream: TokenStream) -> bool {
    tokens::all_words(stream).iter().any(|word| {
        word.contains("credit")
            || ["cost", "costs", "price", "prices"]
                .iter()
                .any(|of_credits| word.ends_with(of_credits))
            || ["reserved", "spending", "spent"].contains(&word.as_str())
    })
}

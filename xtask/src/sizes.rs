//! No source file over 500 lines, no function over 60: what is longer holds more than one idea.

use std::path::Path;

use anyhow::{Context as _, ensure};
use proc_macro2::{Delimiter, TokenStream, TokenTree};
use xshell::Shell;

use crate::tokens::{self, is, word};

const LONGEST_FILE: usize = 500;
/// From the line of `fn` to the one of the last bracket, both included, comments and empty lines too.
const LONGEST_FUNCTION: usize = 60;

/// File, function or none, and why. Keep it empty if you can.
const ALLOWED: [(&str, Option<&str>, &str); 0] = [];

#[derive(Debug, PartialEq, Eq)]
struct TooLong {
    function: Option<String>,
    line: usize,
    lines: usize,
}

pub(crate) fn check(shell: &Shell) -> anyhow::Result<()> {
    let root = shell.current_dir();
    let mut files = Vec::new();
    for folder in ["benches", "crates", "examples", "fuzz", "tests", "xtask"] {
        collect(&root.join(folder), &mut files)?;
    }
    files.sort();
    ensure!(files.len() > 50, "{} files are not credible", files.len());
    let mut found = 0;
    for path in &files {
        let name = path
            .strip_prefix(&root)
            .unwrap_or(path)
            .display()
            .to_string();
        let text = shell.read_file(path)?;
        for TooLong {
            function,
            line,
            lines,
        } in too_long(&text).with_context(|| name.clone())?
        {
            let allowed = |(file, what, _why): &(&str, Option<&str>, &str)| {
                *file == name && *what == function.as_deref()
            };
            if !ALLOWED.iter().any(allowed) {
                let what = function.as_deref().unwrap_or("the file");
                println!("{name}:{line}: {what} has {lines} lines");
                found += 1;
            }
        }
    }
    ensure!(
        found == 0,
        "{found} are too long: a file may have {LONGEST_FILE} lines, a function {LONGEST_FUNCTION}"
    );
    println!("sizes: {} files, none too long", files.len());
    Ok(())
}

fn collect(folder: &Path, files: &mut Vec<std::path::PathBuf>) -> anyhow::Result<()> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Ok(());
    };
    for entry in entries {
        let entry = entry?;
        let (path, name) = (entry.path(), entry.file_name());
        let is_ours = !name.to_string_lossy().starts_with('.') && name != "target";
        if entry.file_type()?.is_dir() && is_ours {
            collect(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    Ok(())
}

fn too_long(text: &str) -> anyhow::Result<Vec<TooLong>> {
    let mut found = Vec::new();
    let lines = text.lines().count();
    if lines > LONGEST_FILE {
        found.push(TooLong {
            function: None,
            line: 1,
            lines,
        });
    }
    let stream: TokenStream = text.parse().map_err(|error| anyhow::anyhow!("{error}"))?;
    tokens::each_level(stream, &mut |level| {
        for at in 0..level.len() {
            found.extend(function_at(level, at).filter(|found| found.lines > LONGEST_FUNCTION));
        }
    });
    Ok(found)
}

/// A function that begins here, in a macro's text too.
fn function_at(level: &[TokenTree], at: usize) -> Option<TooLong> {
    if word(level, at)? != "fn" {
        return None;
    }
    let name =
        word(level, at + 1).or_else(|| word(level, at + 2).filter(|_| is(level, at + 1, '$')))?;
    let body = level[at..]
        .iter()
        .take_while(|token| !matches!(token, TokenTree::Punct(sign) if sign.as_char() == ';'))
        .find(|token| {
            matches!(token, TokenTree::Group(group) if group.delimiter() == Delimiter::Brace)
        })?;
    let line = tokens::line(&level[at]);
    Some(TooLong {
        function: Some(name),
        line,
        lines: body.span().end().line + 1 - line,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lengths(text: &str) -> Vec<usize> {
        let found = too_long(text).expect("a planted source parses");
        found.iter().map(|found| found.lines).collect()
    }

    fn function(lines: usize) -> String {
        format!("fn planted() {{\n{}}}\n", "    call();\n".repeat(lines - 2))
    }

    #[test]
    fn a_function_that_is_too_long_is_seen() {
        assert_eq!(lengths(&function(60)), [0; 0]);
        assert_eq!(lengths(&function(61)), [61]);
        assert_eq!(lengths(&format!("impl A {{ {} }}", function(61))), [61]);
        assert_eq!(lengths(&format!("proptest! {{ {} }}", function(70))), [70]);
        assert_eq!(
            lengths(&format!("trait A {{ fn short(); {} }}", function(61))),
            [61]
        );
    }

    #[test]
    fn a_file_that_is_too_long_is_seen() {
        assert_eq!(lengths(&"//\n".repeat(500)), [0; 0]);
        assert_eq!(lengths(&"//\n".repeat(501)), [501]);
    }

    #[test]
    fn what_is_allowed_has_a_reason() {
        assert!(ALLOWED.iter().all(|(_, _, why)| !why.is_empty()));
    }
}

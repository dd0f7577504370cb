//! Texts as PostgreSQL can keep them: it has no NUL in a text.

/// What stands before a letter for a character that is not kept as it is.
const ESCAPE: char = '\u{1a}';

/// The text as it is kept. One without NUL and U+001A is kept as it is.
pub(crate) fn kept(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\0' => kept.extend([ESCAPE, '0']),
            ESCAPE => kept.extend([ESCAPE, 'S']),
            other => kept.push(other),
        }
    }
    kept
}

/// The text that was kept so.
pub(crate) fn read(kept: &str) -> String {
    let mut text = String::with_capacity(kept.len());
    let mut characters = kept.chars();
    while let Some(character) = characters.next() {
        match character {
            ESCAPE => match characters.next() {
                Some('0') => text.push('\0'),
                Some('S') | None => text.push(ESCAPE),
                // Somebody else wrote it.
                Some(other) => text.extend([ESCAPE, other]),
            },
            other => text.push(other),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_comes_back_as_it_was_and_is_kept_without_nul() {
        for text in [
            "",
            "plain",
            "a\0b",
            "\0",
            "\u{1a}",
            "\u{1a}0",
            "\u{1a}S\0",
            "\0\u{1a}\0S0",
            "ü\u{1f}\u{7f}\\",
        ] {
            let kept = kept(text);
            assert!(!kept.contains('\0'), "{text:?}");
            assert_eq!(read(&kept), text);
        }
        assert_eq!(kept("as it is \\"), "as it is \\");
    }
}

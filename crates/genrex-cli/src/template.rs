//! Names of files with fields in them, such as `{prompt}-{n}.wav`.

use std::fmt::Write as _;

use genrex_async::core::proto::Escaped;

/// A name in which `{id}`, `{prompt}`, `{line}` and `{n}` stand for what a piece has; `{{` and `}}` are braces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Field(Field),
}

/// What a name can be made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    /// The job's id at the service, which is known when it is bought.
    Id,
    /// The prompt in small letters, digits and hyphens.
    Prompt,
    /// The line of a batch's file.
    Line,
    /// Which row of a batch it is, or which piece of a job, from 1.
    Number,
}

/// What the fields stand for.
#[derive(Debug, Clone, Copy)]
pub struct Values<'a> {
    /// `{id}`
    pub id: &'a str,
    /// `{prompt}`
    pub prompt: &'a str,
    /// `{line}`
    pub line: u64,
    /// `{n}`
    pub number: u64,
}

impl Template {
    /// Reads a name.
    ///
    /// # Errors
    ///
    /// What is wrong with it, and what to write.
    pub fn new(text: &str) -> Result<Self, String> {
        const FIELDS: &str =
            "the fields are {id}, {prompt}, {line} and {n}; write {{ and }} for braces";
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            let (before, from) = rest.split_at(at);
            parts.push(Part::Text(before.to_owned()));
            if let Some(after) = from.strip_prefix("{{").or(from.strip_prefix("}}")) {
                parts.push(Part::Text(from[..1].to_owned()));
                rest = after;
                continue;
            }
            let inner = from.strip_prefix('{').and_then(|from| from.split_once('}'));
            let Some((name, after)) = inner else {
                return Err(format!("{text:?} has a brace without its other; {FIELDS}"));
            };
            parts.push(Part::Field(match name {
                "id" => Field::Id,
                "prompt" => Field::Prompt,
                "line" => Field::Line,
                "n" => Field::Number,
                _ => return Err(format!("{text:?} has the field {{{name}}}; {FIELDS}")),
            }));
            rest = after;
        }
        parts.push(Part::Text(rest.to_owned()));
        Ok(Self(parts))
    }

    /// Whether it has this field.
    #[must_use]
    pub fn has(&self, field: Field) -> bool {
        self.0.contains(&Part::Field(field))
    }

    /// The name of one piece.
    #[must_use]
    pub fn name(&self, values: &Values<'_>) -> String {
        let mut name = String::new();
        for part in &self.0 {
            // Writing to a string does not fail.
            let _ = match part {
                Part::Text(text) => name.write_str(text),
                Part::Field(Field::Id) => name.write_str(values.id),
                Part::Field(Field::Prompt) => match slug(values.prompt) {
                    slug if slug.is_empty() => name.write_str("music"),
                    slug => name.write_str(&slug),
                },
                Part::Field(Field::Line) => write!(name, "{}", values.line),
                Part::Field(Field::Number) => write!(name, "{}", values.number),
            };
        }
        name
    }
}

/// A prompt as part of a name: small letters, digits and hyphens, in any script; empty if it has none.
#[must_use]
pub fn slug(text: &str) -> String {
    const LONGEST: usize = 48;
    let mut slug = String::new();
    for character in text.chars() {
        if slug.len() + character.len_utf8() > LONGEST {
            break;
        }
        if character.is_alphanumeric() && !Escaped::escapes(character) {
            slug.extend(character.to_lowercase());
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
    }
    slug.truncate(slug.trim_end_matches('-').len());
    slug
}

/// A format of audio that a name promises, and the service does not make.
#[must_use]
pub fn other_format(name: &str) -> Option<&str> {
    const OTHERS: [&str; 16] = [
        "mp3", "ogg", "oga", "opus", "flac", "m4a", "m4b", "aac", "aif", "aiff", "alac", "wma",
        "mp4", "webm", "mid", "midi",
    ];
    let (_, extension) = name.rsplit_once('.')?;
    OTHERS
        .iter()
        .any(|other| extension.eq_ignore_ascii_case(other))
        .then_some(extension)
}

#[cfg(test)]
mod tests {
    use super::*;

    const VALUES: Values<'static> = Values {
        id: "QRY_1",
        prompt: "Slow rain!",
        line: 7,
        number: 3,
    };

    #[test]
    fn each_field_stands_for_what_it_says() {
        for (template, name) in [
            ("a.wav", "a.wav"),
            ("{id}", "QRY_1"),
            ("{prompt}-{n}.wav", "slow-rain-3.wav"),
            ("l{line}/{{{n}}}.wav", "l7/{3}.wav"),
            ("é{n}é", "é3é"),
            ("", ""),
        ] {
            assert_eq!(Template::new(template).unwrap().name(&VALUES), name);
        }
        let nameless = Values {
            prompt: "🎵",
            ..VALUES
        };
        assert_eq!(
            Template::new("{prompt}.wav").unwrap().name(&nameless),
            "music.wav"
        );
    }

    #[test]
    fn what_is_no_field_is_refused_with_those_that_are() {
        for template in ["{}", "{ID}", "{id", "id}", "{title}.wav", "}{"] {
            let fault = Template::new(template).unwrap_err();
            assert!(fault.contains("{prompt}"), "{template}: {fault}");
        }
    }

    #[test]
    fn another_format_is_seen_by_its_name() {
        for (name, other) in [
            ("x.mp3", Some("mp3")),
            ("a.b.OGG", Some("OGG")),
            ("x.wav", None),
            ("mp3", None),
            ("vol.2", None),
        ] {
            assert_eq!(other_format(name), other);
        }
    }
}

//! Which steps are missing, as somebody accepts it: each one up to a number, of those that one server kept of a ledger
//! between two acceptances. What that server kept later, nobody has accepted.

use genrex_ledger_rescue::Seen;
use serde_json::{Value, json};

/// The greatest number of a step that is missing, of one ledger, server and generation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) ledger: String,
    pub(crate) server: Option<String>,
    pub(crate) generation: i64,
    pub(crate) event: i64,
}

impl Step {
    pub(crate) fn of(seen: &Seen) -> Self {
        Self {
            ledger: seen.ledger.clone(),
            server: seen.server.clone(),
            generation: seen.generation,
            event: seen.event,
        }
    }

    /// Adds it to others; says whether more is missing now than was known.
    pub(crate) fn add_to(self, steps: &mut Vec<Self>) -> bool {
        let is_alike = |one: &&mut Self| {
            (&one.ledger, &one.server, one.generation)
                == (&self.ledger, &self.server, self.generation)
        };
        match steps.iter_mut().find(is_alike) {
            Some(known) if known.event >= self.event => false,
            Some(known) => {
                known.event = self.event;
                true
            }
            None => {
                steps.push(self);
                true
            }
        }
    }
}

/// As a database keeps them.
pub(crate) fn written(steps: &[Step]) -> String {
    let steps = steps.iter().map(
        |step| json!({
            "ledger": step.ledger, "server": step.server, "generation": step.generation, "event": step.event,
        }),
    );
    Value::from_iter(steps).to_string()
}

/// What was written so; what was not says nothing.
pub(crate) fn read(kept: &str) -> Vec<Step> {
    let Ok(Value::Array(steps)) = serde_json::from_str(kept) else {
        return Vec::new();
    };
    let steps = steps.iter().filter_map(|step| {
        Some(Step {
            ledger: step["ledger"].as_str()?.to_owned(),
            server: step["server"].as_str().map(str::to_owned),
            generation: step["generation"].as_i64()?,
            event: step["event"].as_i64()?,
        })
    });
    steps.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(server: Option<&str>, generation: i64, event: i64) -> Step {
        Step {
            ledger: String::from("l"),
            server: server.map(str::to_owned),
            generation,
            event,
        }
    }

    #[test]
    fn what_is_written_is_read_and_what_is_not_says_nothing() {
        let steps = [step(Some("7713\"/\u{fc}"), 0, 5), step(None, 3, i64::MAX)];
        assert_eq!(read(&written(&steps)), steps);
        assert_eq!(read(&written(&[])), []);
        for other in ["", "{}", "[1]", r#"[{"ledger": "l", "event": 1}]"#] {
            assert_eq!(read(other), [], "{other}");
        }
    }

    #[test]
    fn more_is_missing_where_a_number_is_greater_or_of_another_server_or_generation() {
        let mut steps = Vec::new();
        for (server, generation, event, is_more) in [
            (Some("a"), 0, 5, true),
            (Some("a"), 0, 5, false),
            (Some("a"), 0, 4, false),
            (Some("a"), 0, 6, true),
            (Some("b"), 0, 1, true),
            (None, 0, 1, true),
            (Some("a"), 1, 1, true),
        ] {
            let one = step(server, generation, event);
            assert_eq!(one.clone().add_to(&mut steps), is_more, "{one:?}");
        }
        let of_another = Step {
            ledger: String::from("m"),
            ..step(Some("a"), 0, 1)
        };
        assert!(of_another.clone().add_to(&mut steps));
        let kept = [
            step(Some("a"), 0, 6),
            step(Some("b"), 0, 1),
            step(None, 0, 1),
            step(Some("a"), 1, 1),
            of_another,
        ];
        assert_eq!(steps, kept);
    }
}

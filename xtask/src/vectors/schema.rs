//! JSON Schema, as much of it as our schemas use. A keyword that is not known here is an error, so that
//! nothing is left unchecked in silence.

use anyhow::{Context as _, bail, ensure};
use regex_lite::Regex;
use serde_json::Value;

/// A schema, with what its references point to.
pub(super) struct Schema(Value);

impl Schema {
    pub(super) const fn new(root: Value) -> Self {
        Self(root)
    }

    /// Whether a document fits.
    pub(super) fn check(&self, document: &Value) -> anyhow::Result<()> {
        self.fits(&self.0, document)
    }

    fn fits(&self, schema: &Value, value: &Value) -> anyhow::Result<()> {
        for (keyword, rule) in schema.as_object().context("a schema is an object")? {
            self.keeps(keyword, rule, schema, value)
                .with_context(|| format!("{keyword} {}", shown(rule)))?;
        }
        Ok(())
    }

    fn keeps(
        &self,
        keyword: &str,
        rule: &Value,
        schema: &Value,
        value: &Value,
    ) -> anyhow::Result<()> {
        let found = shown(value);
        match keyword {
            "$schema" | "$defs" | "title" | "description" => {}
            "$ref" => self.fits(self.definition(rule)?, value)?,
            "type" => ensure!(is_of(text(rule)?, value)?, "found {found}"),
            "enum" => ensure!(list(rule)?.contains(value), "found {found}"),
            "pattern" => {
                let pattern = Regex::new(text(rule)?)?;
                ensure!(pattern.is_match(text(value)?), "found {found}");
            }
            "minLength" => ensure!(
                text(value)?.chars().count() >= count(rule)?,
                "found {found}"
            ),
            "minItems" => ensure!(list(value)?.len() >= count(rule)?, "found {found}"),
            "minimum" => ensure!(number(value)? >= number(rule)?, "found {found}"),
            "maximum" => ensure!(number(value)? <= number(rule)?, "found {found}"),
            "items" => {
                for (index, item) in list(value)?.iter().enumerate() {
                    self.fits(rule, item)
                        .with_context(|| format!("item {index}"))?;
                }
            }
            "required" => {
                for name in list(rule)? {
                    ensure!(
                        value.get(text(name)?).is_some(),
                        "{name} is missing in {found}"
                    );
                }
            }
            "properties" => {
                for (name, rule) in rule.as_object().context("properties are an object")? {
                    if let Some(value) = value.get(name) {
                        self.fits(rule, value)
                            .with_context(|| format!("property {name}"))?;
                    }
                }
            }
            "additionalProperties" => {
                ensure!(rule == &Value::Bool(false), "only `false` is supported");
                for name in value.as_object().context("an object is needed")?.keys() {
                    ensure!(
                        schema["properties"].get(name).is_some(),
                        "{name} is unknown"
                    );
                }
            }
            _ => bail!("this keyword is not supported here"),
        }
        Ok(())
    }

    fn definition(&self, reference: &Value) -> anyhow::Result<&Value> {
        let name = text(reference)?.strip_prefix("#/$defs/");
        name.and_then(|name| self.0["$defs"].get(name))
            .with_context(|| format!("{reference} points nowhere"))
    }
}

fn is_of(name: &str, value: &Value) -> anyhow::Result<bool> {
    Ok(match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_u64() || value.is_i64(),
        _ => bail!("this type is not supported here"),
    })
}

fn text(value: &Value) -> anyhow::Result<&str> {
    value
        .as_str()
        .with_context(|| format!("{} is no string", shown(value)))
}

fn number(value: &Value) -> anyhow::Result<u64> {
    value
        .as_u64()
        .with_context(|| format!("{} is no whole number from 0", shown(value)))
}

fn count(value: &Value) -> anyhow::Result<usize> {
    Ok(usize::try_from(number(value)?)?)
}

fn list(value: &Value) -> anyhow::Result<&Vec<Value>> {
    value
        .as_array()
        .with_context(|| format!("{} is no array", shown(value)))
}

/// The start of a value, for a message.
fn shown(value: &Value) -> String {
    const LENGTH: usize = 80;
    let text = value.to_string();
    match text.char_indices().nth(LENGTH) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Each keyword accepts what fits and refuses what does not.
    #[test]
    fn every_keyword_is_kept() {
        for (schema, good, bad) in [
            (json!({"type": "object"}), json!({}), json!([])),
            (json!({"type": "array"}), json!([]), json!({})),
            (json!({"type": "string"}), json!(""), json!(1)),
            (json!({"type": "integer"}), json!(1), json!(1.5)),
            (json!({"type": "integer"}), json!(-1), json!("1")),
            (json!({"enum": ["a", "b"]}), json!("b"), json!("c")),
            (
                json!({"pattern": "^([0-9a-f]{2})*$"}),
                json!("0a"),
                json!("0a\n"),
            ),
            (
                json!({"pattern": "^([0-9a-f]{2})*$"}),
                json!(""),
                json!("0"),
            ),
            (json!({"minLength": 1}), json!("é"), json!("")),
            (json!({"minimum": 1}), json!(1), json!(0)),
            (json!({"maximum": 1}), json!(1), json!(2)),
            (json!({"minItems": 1}), json!([0]), json!([])),
            (
                json!({"items": {"type": "string"}}),
                json!(["a"]),
                json!(["a", 1]),
            ),
            (
                json!({"required": ["a"]}),
                json!({"a": null}),
                json!({"b": 1}),
            ),
            (
                json!({"properties": {"a": {"type": "string"}}}),
                json!({"b": 1}),
                json!({"a": 1}),
            ),
            (
                json!({"properties": {"a": {}}, "additionalProperties": false}),
                json!({"a": 1}),
                json!({"a": 1, "b": 1}),
            ),
            (
                json!({"$ref": "#/$defs/a", "$defs": {"a": {"type": "string"}}}),
                json!("a"),
                json!(1),
            ),
        ] {
            Schema::new(schema.clone()).check(&good).unwrap();
            let refused = Schema::new(schema.clone()).check(&bad);
            assert!(refused.is_err(), "{schema} accepts {bad}");
        }
    }

    #[test]
    fn what_is_not_supported_is_an_error() {
        for schema in [
            json!({"format": "date-time"}),
            json!({"oneOf": [{}]}),
            json!({"type": "number"}),
            json!({"additionalProperties": true}),
            json!({"$ref": "#/$defs/missing", "$defs": {}}),
            json!({"$ref": "other.json"}),
            json!(true),
        ] {
            let refused = Schema::new(schema.clone()).check(&json!({}));
            assert!(refused.is_err(), "{schema} is accepted");
        }
    }
}

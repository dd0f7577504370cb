//! How an answer's fields are read: what a client can do without never stops it.

use std::marker::PhantomData;

use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{DeserializeOwned, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize as _, Serializer};
use serde_json::Value;

/// A field of another type than expected counts as absent.
pub(crate) fn optional<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: DeserializeOwned,
{
    let value = Value::deserialize(deserializer)?;
    Ok(serde_json::from_value(value).ok())
}

/// A field of another type than expected counts as absent, and an absent one has a default.
pub(crate) fn or_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: DeserializeOwned + Default,
{
    optional(deserializer).map(Option::unwrap_or_default)
}

/// A whole number from 0 up, in any spelling of JSON's (`54`, `54.0`); `null` counts as absent.
pub(crate) fn whole<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    /// Past this, not every whole number is a `f64`.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let Some(number) = Option::<serde_json::Number>::deserialize(deserializer)? else {
        return Ok(None);
    };
    let spelled_as_float = || {
        let float = number.as_f64()?;
        let is_whole = float.fract() == 0.0 && (0.0..=EXACT).contains(&float);
        is_whole.then(|| format!("{float:.0}").parse().ok())?
    };
    match number.as_u64().or_else(spelled_as_float) {
        Some(whole) => Ok(Some(whole)),
        None => Err(serde::de::Error::custom(
            "a whole number from 0 up is expected",
        )),
    }
}

/// Writes a number as services write it: `5`, and not `5.0`.
pub(crate) fn whole_or_not<S: Serializer>(
    number: &Option<f64>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let spelled = number.filter(|number| number.fract() == 0.0);
    match spelled.and_then(|number| format!("{number:.0}").parse::<i64>().ok()) {
        Some(whole) => serializer.serialize_i64(whole),
        None => number.serialize(serializer),
    }
}

/// An array, one object in its place, or `null`.
pub(crate) fn one_or_many<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    deserializer.deserialize_any(OneOrMany(PhantomData))
}

struct OneOrMany<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for OneOrMany<T> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an array, an object or null")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Vec::new())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, entries: A) -> Result<Self::Value, A::Error> {
        Vec::deserialize(SeqAccessDeserializer::new(entries))
    }

    fn visit_map<A: MapAccess<'de>>(self, entry: A) -> Result<Self::Value, A::Error> {
        T::deserialize(MapAccessDeserializer::new(entry)).map(|one| vec![one])
    }
}

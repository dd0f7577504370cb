//! Maps of numbers as they are kept: a list of the first key and its value, and then of how much is added to both for
//! each next one. An account is written with every step of a job, and so is to be short.
//!
//! What was kept as a map of keys and values is read too.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde::ser::{SerializeSeq as _, Serializer};

use crate::LocalId;

/// A key that is a number.
pub(super) trait Key: Copy + Ord {
    fn number(self) -> u64;
    fn of(number: u64) -> Self;
}

impl Key for u64 {
    fn number(self) -> u64 {
        self
    }

    fn of(number: u64) -> Self {
        number
    }
}

impl Key for LocalId {
    fn number(self) -> u64 {
        self.0.cast_unsigned()
    }

    fn of(number: u64) -> Self {
        Self(number.cast_signed())
    }
}

pub(super) fn serialize<K: Key, S: Serializer>(
    map: &BTreeMap<K, u64>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let mut list = serializer.serialize_seq(None)?;
    let (mut last_key, mut last) = (0, 0);
    for (key, value) in map {
        let key = key.number();
        list.serialize_element(&key.wrapping_sub(last_key).cast_signed())?;
        list.serialize_element(&value.wrapping_sub(last).cast_signed())?;
        (last_key, last) = (key, *value);
    }
    list.end()
}

pub(super) fn deserialize<'de, K, D>(deserializer: D) -> Result<BTreeMap<K, u64>, D::Error>
where
    K: Key + Deserialize<'de>,
    D: Deserializer<'de>,
{
    deserializer.deserialize_any(Kept(PhantomData))
}

struct Kept<K>(PhantomData<K>);

impl<'de, K: Key + Deserialize<'de>> Visitor<'de> for Kept<K> {
    type Value = BTreeMap<K, u64>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("keys and values, as a list of what each adds to the last or as a map")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut map = BTreeMap::new();
        let (mut number, mut value) = (0_u64, 0_u64);
        while let Some(more) = list.next_element::<i64>()? {
            number = number.wrapping_add(more.cast_unsigned());
            let more: i64 = list
                .next_element()?
                .ok_or_else(|| A::Error::custom("the last key has no value"))?;
            value = value.wrapping_add(more.cast_unsigned());
            let key = K::of(number);
            if map.last_key_value().is_some_and(|(last, _)| *last >= key) {
                return Err(A::Error::custom("the keys are in no order"));
            }
            map.insert(key, value);
        }
        Ok(map)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut pairs: A) -> Result<Self::Value, A::Error> {
        let mut map = BTreeMap::new();
        while let Some((key, value)) = pairs.next_entry()? {
            map.insert(key, value);
        }
        Ok(map)
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::btree_map;
    use proptest::prelude::*;
    use serde::Serialize;

    use super::*;

    #[derive(Debug, PartialEq, Eq, Serialize, serde::Deserialize)]
    struct Both {
        #[serde(with = "super")]
        hours: BTreeMap<u64, u64>,
        #[serde(with = "super")]
        jobs: BTreeMap<LocalId, u64>,
    }

    proptest! {
        #[test]
        fn what_is_kept_is_read_again(
            hours in btree_map(any::<u64>(), any::<u64>(), 0..40),
            jobs in btree_map(any::<i64>().prop_map(LocalId), any::<u64>(), 0..40),
        ) {
            let both = Both { hours, jobs };
            let older = serde_json::json!({ "hours": both.hours, "jobs": both.jobs });
            let kept = serde_json::to_string(&both)?;
            prop_assert_eq!(&serde_json::from_str::<Both>(&kept)?, &both);
            prop_assert_eq!(serde_json::from_str::<Both>(&older.to_string())?, both);
        }
    }

    #[test]
    fn a_list_is_what_is_added() -> Result<(), serde_json::Error> {
        let both = Both {
            hours: BTreeMap::from([(498_848, 120), (498_849, 80), (498_852, 80)]),
            jobs: BTreeMap::from([(LocalId(7), 1_795_855_344_087)]),
        };
        let kept = r#"{"hours":[498848,120,1,-40,3,0],"jobs":[7,1795855344087]}"#;
        assert_eq!(serde_json::to_string(&both)?, kept);
        Ok(())
    }

    #[test]
    fn what_is_no_list_of_pairs_is_refused() {
        for kept in [
            r#"{"hours":[1,2,3],"jobs":[]}"#,
            r#"{"hours":[1,2,0,3],"jobs":[]}"#,
            r#"{"hours":[5,1,-4,1],"jobs":[]}"#,
            r#"{"hours":[],"jobs":["7",1]}"#,
            r#"{"hours":7,"jobs":[]}"#,
        ] {
            assert!(serde_json::from_str::<Both>(kept).is_err(), "{kept}");
        }
        let told = serde_json::from_str::<Both>(r#"{"hours":7,"jobs":[]}"#)
            .map_err(|error| error.to_string());
        assert_eq!(
            told,
            Err(String::from(
                "invalid type: integer `7`, expected keys and values, as a list of what each adds to the last or as a map at line 1 column 10"
            ))
        );
    }
}

use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use crate::{AssetResponse, Generation};

/// A [`Generation`] that serialises whole, presigned links and all: see
/// [`Generation::with_links`](Generation::with_links).
///
/// Whoever reads what it writes can download. It is for a place that is kept as a secret is kept.
#[derive(Debug, Clone, Copy)]
pub struct WithLinks<'a>(pub(crate) &'a Generation);

impl Serialize for WithLinks<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let generation = self.0;
        let mut written = serde_json::to_value(generation).map_err(serde::ser::Error::custom)?;
        written["metadata"] = generation.metadata.clone();
        restore(&mut written, &generation.extra);
        if let Some(content) = &generation.content {
            restore(&mut written["content"], &content.extra);
        }
        for (index, response) in generation.response.iter().enumerate() {
            restore_response(&mut written["response"][index], response);
        }
        written.serialize(serializer)
    }
}

fn restore_response(written: &mut Value, response: &AssetResponse) {
    restore(written, &response.extra);
    for (index, content) in response.content.iter().enumerate() {
        let written = &mut written["content"][index];
        restore(written, &content.extra);
        if let Some(url) = &content.url {
            written["url"] = url.as_str().into();
        }
    }
    for (index, metadata) in response.metadata.iter().enumerate() {
        restore(&mut written["metadata"][index], &metadata.extra);
    }
}

/// Puts unknown fields back as they came.
fn restore(written: &mut Value, fields: &Map<String, Value>) {
    for (name, value) in fields {
        written[name.as_str()] = value.clone();
    }
}

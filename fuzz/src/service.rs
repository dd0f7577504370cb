use genrex_proto::{Balance, ErrorBody, Excerpt, Generation, QueryId};

use crate::text::assert_harmless;

/// The answer to `retrieve` and `generateMusic`, in both dialects and any mixture.
pub fn generation(data: &[u8]) {
    match Generation::from_json(data) {
        Ok(read) => {
            let written = read.with_links();
            let written = Written(&written).to_json();
            let again = Generation::from_json(&written).expect("what is written is read");
            assert_eq!((again.id, &again.status), (read.id.clone(), &read.status));
            assert_eq!(again.response.len(), read.response.len());
            for asset in read.assets() {
                assert!(!asset.url.is_empty(), "an asset has a link");
            }
            assert_harmless(&read.status);
        }
        Err(error) => assert_harmless(&error),
    }
}

/// The answer to `getBalance`, in both dialects.
pub fn balance(data: &[u8]) {
    match Balance::from_json(data) {
        Ok(read) => {
            let again = Balance::from_json(&Written(&read).to_json());
            let again = again.expect("what is written is read");
            assert_eq!(again.credits_left(), read.credits_left());
            assert_eq!(again.used_since(&read), 0);
        }
        Err(error) => assert_harmless(&error),
    }
}

/// Whatever a refusal says: there is always a reading, bounded and harmless.
pub fn error_body(data: &[u8]) {
    let body = ErrorBody::parse(data);
    assert_harmless(&body);
    assert_harmless(body.excerpt.as_str());
    let excerpt = Excerpt::new(data);
    assert_harmless(&excerpt);
    assert!(
        excerpt.to_string().chars().count() <= 241,
        "it is the start of it"
    );
}

/// An id in an answer that broke off: it stands there whole.
pub fn salvage(data: &[u8]) {
    let Some(id) = QueryId::salvage(data) else {
        return;
    };
    let quoted = format!("\"{id}\"");
    let stands = data
        .windows(quoted.len())
        .any(|part| part == quoted.as_bytes());
    assert!(stands && id.as_str().starts_with("QRY_"), "{id}");
    query_id(id.as_str().as_bytes());
}

/// An id is safe as a file's name, in a shell and in a log.
pub fn query_id(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else {
        return;
    };
    let Ok(id) = QueryId::new(text) else { return };
    assert_eq!(id.as_str(), text);
    assert!((1..=128).contains(&text.len()));
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
    assert!(text.bytes().all(is_plain), "{text}");
    assert!(!text.starts_with(['-', '.']), "{text}");
    let path = std::path::Path::new(text);
    assert_eq!(path.file_name().and_then(|name| name.to_str()), Some(text));
}

/// Anything that is serialised.
struct Written<'a, T>(&'a T);

impl<T: serde::Serialize> Written<'_, T> {
    fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self.0).expect("it serialises")
    }
}

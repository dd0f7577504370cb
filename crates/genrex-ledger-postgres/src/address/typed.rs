//! A URL as somebody types it again: the role can be another's, and the password is left out.

use super::decoded;

/// The parts of a URL, none of which is the password.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Typed {
    scheme: String,
    user: Option<String>,
    /// From the host on, without the query.
    place: String,
    /// The names and values of the query, as they were typed.
    query: Vec<String>,
}

impl Typed {
    /// `None` for what is no URL.
    pub(super) fn of(url: &str) -> Option<Self> {
        let (scheme, rest) = url.split_once("://")?;
        // As the parser has it: what comes before the first @ is the user's, and may hold any character.
        let (user, rest) = match rest.split_once('@') {
            Some((user, rest)) => (user.split(':').next(), rest),
            None => (None, rest),
        };
        let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
        let is_shown = |pair: &&str| {
            let name = pair.split('=').next().map(decoded);
            name.is_some_and(|name| name.is_ok_and(|name| !name.is_empty() && name != "password"))
        };
        Some(Self {
            scheme: scheme.to_owned(),
            user: user.map(str::to_owned),
            place: place.to_owned(),
            query: query
                .split('&')
                .filter(is_shown)
                .map(str::to_owned)
                .collect(),
        })
    }

    pub(super) fn url(&self) -> String {
        self.written(self.user.clone(), &self.query)
    }

    pub(super) fn url_as(&self, role: &str) -> String {
        let names_user = |pair: &String| {
            let name = pair.split('=').next().map(decoded);
            name.is_some_and(|name| name.is_ok_and(|name| name == "user"))
        };
        let mut query = self.query.clone();
        query.retain(|pair| !names_user(pair));
        self.written(Some(encoded(role)), &query)
    }

    fn written(&self, user: Option<String>, query: &[String]) -> String {
        let Self { scheme, place, .. } = self;
        let user = user.map_or_else(String::new, |user| format!("{user}@"));
        let query = match query {
            [] => String::new(),
            pairs => format!("?{}", pairs.join("&")),
        };
        format!("{scheme}://{user}{place}{query}")
    }
}

fn encoded(name: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let bytes = name.bytes().map(|byte| match is_plain(byte) {
        true => char::from(byte).to_string(),
        false => format!("%{byte:02x}"),
    });
    bytes.collect()
}

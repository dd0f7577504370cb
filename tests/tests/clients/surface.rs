//! The two clients have the same methods: their sources are read and compared, item by item.

use std::collections::BTreeMap;

use quote::ToTokens as _;
use syn::{ImplItem, Item, Visibility};

/// Every public method of every type in a source, by name, as it is called: without `async`, with each
/// client's own kinds of writer and HTTP configuration by one name.
fn methods(source: &str) -> BTreeMap<String, String> {
    let file = syn::parse_file(source).unwrap();
    let mut methods = BTreeMap::new();
    for item in file.items {
        let Item::Impl(block) = item else { continue };
        if block.trait_.is_some() {
            continue;
        }
        let owner = block.self_ty.to_token_stream().to_string();
        for item in block.items {
            if let ImplItem::Fn(method) = item
                && matches!(method.vis, Visibility::Public(_))
            {
                let mut signature = method.sig;
                signature.asyncness = None;
                let name = format!("{owner}::{}", signature.ident);
                let text = signature.to_token_stream().to_string();
                let text = text
                    .replace("impl AsyncWrite + Unpin + Send", "impl WRITER")
                    .replace("impl Write + Send", "impl WRITER")
                    .replace("reqwest :: ClientBuilder", "HTTP")
                    .replace("HttpBuilder", "HTTP")
                    // Where a long line was broken.
                    .replace(" ,)", ")");
                methods.insert(name, text);
            }
        }
    }
    methods
}

/// What a `lib.rs` gives out, but for what belongs to one HTTP client alone.
fn exports(source: &str) -> Vec<String> {
    let file = syn::parse_file(source).unwrap();
    let uses = file.items.into_iter().filter_map(|item| match item {
        Item::Use(item) if matches!(item.vis, Visibility::Public(_)) => {
            Some(item.tree.to_token_stream().to_string())
        }
        _ => None,
    });
    let of_one = ["transport ::", "reqwest", "ureq", "canceller ::"];
    uses.filter(|path| !of_one.iter().any(|own| path.starts_with(own)))
        .collect()
}

const ASYNC: &str = concat!(
    include_str!("../../../crates/genrex-async/src/client.rs"),
    include_str!("../../../crates/genrex-async/src/builder.rs")
);
const BLOCKING: &str = concat!(
    include_str!("../../../crates/genrex-blocking/src/client.rs"),
    include_str!("../../../crates/genrex-blocking/src/builder.rs")
);

#[test]
fn the_two_clients_are_the_same_method_for_method() {
    let (of_async, mut of_blocking) = (methods(ASYNC), methods(BLOCKING));
    // An async operation is cancelled by dropping it; a blocking one needs a method.
    assert!(of_blocking.remove("Client::cancelled_by").is_some());
    assert_eq!(of_async, of_blocking);
    for name in [
        "from_env",
        "builder",
        "submit",
        "retrieve",
        "wait",
        "generate",
        "job",
        "balance",
        "download",
        "download_over",
        "download_to",
        "download_into",
        "bytes",
        "stream",
        "purchase",
        "recover",
        "reconcile",
        "resolve",
        "on_progress",
        "with_settings",
        "settings",
        "base_url",
    ] {
        assert!(of_async.contains_key(&format!("Client::{name}")), "{name}");
    }
    for name in [
        "from_env",
        "key_pair",
        "base_url",
        "pace",
        "deadline",
        "retry",
        "http",
        "transport",
        "ledger",
        "limits",
        "build",
    ] {
        assert!(
            of_async.contains_key(&format!("ClientBuilder::{name}")),
            "{name}"
        );
    }
}

#[test]
fn the_two_crates_give_out_the_same() {
    let of_async = exports(include_str!("../../../crates/genrex-async/src/lib.rs"));
    let of_blocking = exports(include_str!("../../../crates/genrex-blocking/src/lib.rs"));
    assert_eq!(of_async, of_blocking);
    assert!(of_async.len() >= 5, "{of_async:?}");
}

/// The comparison itself: a method that one client lacks, or that differs, is seen.
#[test]
fn a_difference_is_seen() {
    let without = ASYNC.replacen("pub async fn balance", "async fn balance", 1);
    assert_ne!(methods(&without), methods(ASYNC));
    let other = ASYNC.replacen("id: &QueryId", "id: QueryId", 1);
    assert_ne!(methods(&other), methods(ASYNC));
}

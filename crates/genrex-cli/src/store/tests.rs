use std::path::Path;
use std::sync::Arc;

use genrex_async::core::{Sink as _, block_on};
use object_store::memory::InMemory;

use super::*;

fn store() -> Store {
    Store {
        objects: Arc::new(InMemory::new()),
        bucket: String::from("bucket"),
        prefix: String::from("a/prefix"),
    }
}

fn sink(store: &Store, name: &str, existing: Existing) -> StoreSink {
    StoreSink::create(store, store.at(Path::new(name)), existing).unwrap()
}

fn put(mut sink: StoreSink, pieces: &[&'static str]) -> std::io::Result<()> {
    block_on(async {
        for piece in pieces {
            sink.write((*piece).into()).await?;
        }
        sink.commit().await
    })
}

fn read(store: &Store, name: &str) -> Option<Vec<u8>> {
    block_on(store.read(&store.at(Path::new(name)), 100)).unwrap()
}

#[test]
fn an_address_names_a_bucket_and_a_part_of_it() {
    for (url, expected) in [
        ("s3://bucket", ("bucket", "")),
        ("s3://bucket/", ("bucket", "")),
        ("s3://bucket/a b/ü/", ("bucket", "a b/ü")),
    ] {
        let (bucket, prefix) = address(url).unwrap();
        assert_eq!((bucket.as_str(), prefix.as_str()), expected, "{url}");
    }
    for url in [
        "s3://",
        "s3:///a",
        "s3://b ucket/a",
        "s3://user:pw@host/a",
        "s3://b/../a",
        "s3://b//a//c",
    ] {
        assert!(address(url).is_err(), "{url}");
    }
}

#[test]
fn a_name_has_an_address_and_only_what_is_in_the_bucket_has_a_key() {
    let store = store();
    let at = store.at(Path::new("sub/x y.wav"));
    assert_eq!(at, Path::new("s3://bucket/a/prefix/sub/x y.wav"));
    assert_eq!(store.key(&at).unwrap().as_ref(), "a/prefix/sub/x y.wav");
    for other in [
        "s3://bucket2/a/prefix/x.wav",
        "/a/prefix/x.wav",
        "s3://bucket",
    ] {
        assert!(!store.has(Path::new(other)), "{other}");
    }
}

#[test]
fn an_object_is_there_whole_or_not_at_all() {
    for large in [u64::MAX, 3] {
        let store = store();
        let mut begun = sink(&store, "x.wav", Existing::Keep).large_from(large);
        block_on(begun.write("lost".into())).unwrap();
        assert_eq!(read(&store, "x.wav"), None, "{large}");
        block_on(begun.restart()).unwrap();
        put(begun, &["all ", "of it"]).unwrap();
        assert_eq!(read(&store, "x.wav").unwrap(), b"all of it", "{large}");
        let there = block_on(store.objects.list_with_delimiter(None)).unwrap();
        assert!(there.objects.is_empty());
        let prefix = Key::from("a/prefix");
        let there = block_on(store.objects.list_with_delimiter(Some(&prefix))).unwrap();
        assert_eq!(
            there.objects.len(),
            1,
            "{large}: a part was left: {there:?}"
        );
    }
}

#[test]
fn the_same_is_taken_for_it_and_another_is_not_replaced() {
    for large in [u64::MAX, 3] {
        let store = store();
        let again = |existing, text| {
            let sink = sink(&store, "x.wav", existing).large_from(large);
            put(sink, &[text]).map_err(|error| error.kind())
        };
        again(Existing::Keep, "first").unwrap();
        again(Existing::Keep, "first").unwrap();
        for other in ["other", "longer"] {
            let refused = again(Existing::Keep, other);
            assert_eq!(refused, Err(std::io::ErrorKind::AlreadyExists), "{other}");
            assert_eq!(read(&store, "x.wav").unwrap(), b"first");
        }
        again(Existing::Replace, "other").unwrap();
        assert_eq!(read(&store, "x.wav").unwrap(), b"other", "{large}");
    }
}

/// What another program has put there says nothing of itself.
#[test]
fn what_does_not_say_what_it_is_is_read() {
    let store = store();
    let at = store.at(Path::new("x.wav"));
    let plain = (Existing::Keep, Attributes::default());
    block_on(store.put(&at, PutPayload::from("first"), plain)).unwrap();
    let sha256 = hex::encode(Sha256::digest("first"));
    assert!(block_on(store.holds(&at, 5, &sha256)).unwrap());
    assert!(!block_on(store.holds(&at, 4, &sha256)).unwrap());
    assert!(!block_on(store.holds(&at, 5, &hex::encode([0; 32]))).unwrap());
    put(sink(&store, "x.wav", Existing::Keep), &["first"]).unwrap();
    put(sink(&store, "x.wav", Existing::Keep), &["other"]).unwrap_err();
}

#[test]
fn what_is_read_has_a_bound() {
    let store = store();
    let at = store.at(Path::new("marker"));
    assert_eq!(block_on(store.read(&at, 4)).unwrap(), None);
    let plain = (Existing::Keep, Attributes::default());
    block_on(store.put(&at, PutPayload::from("fives"), plain)).unwrap();
    block_on(store.read(&at, 4)).unwrap_err();
}

#[test]
fn an_address_is_no_longer_than_stores_take() {
    let store = store();
    let fits = |length: usize| {
        let name = vec!["x"; length.div_ceil(2)].join("/");
        store.fits(&store.at(Path::new(&name)))
    };
    // With the prefix before it, and the part's ending after it.
    fits(1024 - "a/prefix/".len() - sink::ADDED).unwrap();
    fits(1024 - "a/prefix/".len() - sink::ADDED + 2).unwrap_err();
    store.fits(Path::new("s3://elsewhere/x")).unwrap_err();
}

#[test]
fn the_first_of_two_makes_an_object_and_the_other_is_told() {
    let store = store();
    let at = store.at(Path::new("marker"));
    assert!(block_on(store.make(&at, b"first")).unwrap());
    assert!(!block_on(store.make(&at, b"second")).unwrap());
    assert_eq!(read(&store, "marker").unwrap(), b"first");
}

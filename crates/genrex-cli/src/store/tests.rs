use std::path::Path;
use std::sync::Arc;

use genrex_async::core::{Sink as _, block_on};
use object_store::memory::InMemory;

use super::*;

fn store() -> Store {
    of(Service::S3)
}

fn of(service: Service) -> Store {
    Store {
        objects: Arc::new(InMemory::new()),
        service,
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

/// Of each service, what is small and what is sent in parts.
fn stores() -> impl Iterator<Item = (Store, u64)> {
    let services = Service::ALL.into_iter();
    services.flat_map(|service| [u64::MAX, 3].map(|large| (of(service), large)))
}

#[test]
fn an_address_names_a_bucket_and_a_part_of_it() {
    let parts = |url: &str| {
        let (service, rest) = Service::of(url).unwrap();
        let (bucket, prefix) = address(service, rest).ok()?;
        Some((service, bucket, prefix))
    };
    for (url, service, bucket, prefix) in [
        ("s3://bucket", Service::S3, "bucket", ""),
        ("s3://bucket/", Service::S3, "bucket", ""),
        ("s3://bucket/a b/ü/", Service::S3, "bucket", "a b/ü"),
        ("gs://a_bucket/x", Service::Google, "a_bucket", "x"),
        ("az://container/x/y", Service::Azure, "container", "x/y"),
    ] {
        let expected = (service, bucket.to_owned(), prefix.to_owned());
        assert_eq!(parts(url), Some(expected), "{url}");
    }
    for url in [
        "s3://",
        "s3:///a",
        "gs:///a",
        "az://",
        "s3://b ucket/a",
        "s3://user:pw@host/a",
        "s3://b/../a",
        "s3://b//a//c",
    ] {
        assert_eq!(parts(url), None, "{url}");
    }
    for other in ["S3://bucket", "s3:bucket", "http://bucket", "music"] {
        assert!(Store::open(other).unwrap().is_none(), "{other}");
    }
}

#[test]
fn a_name_has_an_address_and_only_what_is_in_the_bucket_has_a_key() {
    for service in Service::ALL {
        let (store, scheme) = (of(service), service.scheme());
        let at = store.at(Path::new("sub/x y.wav"));
        assert_eq!(
            at,
            PathBuf::from(format!("{scheme}bucket/a/prefix/sub/x y.wav"))
        );
        let key = store.key(&at).unwrap();
        assert_eq!(key.as_ref(), "a/prefix/sub/x y.wav");
        assert_eq!(PathBuf::from(store.address(&key)), at);
        let others = Service::ALL.into_iter().filter(|other| *other != service);
        let others = others.map(|other| format!("{}bucket/a/prefix/x.wav", other.scheme()));
        let more = ["bucket2/a/prefix/x.wav", "bucket"].map(|rest| format!("{scheme}{rest}"));
        for other in others.chain(more).chain([String::from("/a/prefix/x.wav")]) {
            assert!(!store.has(Path::new(&other)), "{other}");
        }
    }
}

#[test]
fn an_object_is_there_whole_or_not_at_all() {
    for (store, large) in stores() {
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
            "{store:?}, {large}: a part was left: {there:?}"
        );
    }
}

#[test]
fn the_same_is_taken_for_it_and_another_is_not_replaced() {
    for (store, large) in stores() {
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

//! Every target, for a bounded number of cases, on stable: by its corpus, and by what becomes of it.
//!
//! `GENREX_FUZZ_CASES` sets how many a target; what fails is shrunk, and its bytes are printed: put them into the
//! corpus.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![expect(
    clippy::print_stdout,
    reason = "it says how often a target was executed"
)]

use std::cell::Cell;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use genrex_fuzz::TARGETS;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::{Config, TestError, TestRunner};

const CASES: u32 = 1_000;

/// What turns a reader's head, in any of the formats.
const WORDS: [&[u8]; 28] = [
    b"\"",
    b"\\",
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"=",
    b"\n",
    b"\r\n",
    b"\0",
    b"\xff",
    b"\xef\xbb\xbf",
    b"\\u0000",
    b"\\ud800",
    b"null",
    b"-1",
    b"1e999",
    b"18446744073709551616",
    b"\"id\":\"QRY_",
    b"?sig=",
    b"//",
    b"@",
    b"%2f",
    b"..",
    b"\xe3\x85\xa4",
    b"\x1b[2J",
];

/// One step from an entry of the corpus to something else.
#[derive(Debug, Clone)]
enum Change {
    Set(Index, u8),
    Insert(Index, Vec<u8>),
    Remove(Index, usize),
    Cut(Index),
    Repeat(Index, Index, usize),
    Splice(Index, Index),
}

fn change() -> impl Strategy<Value = Change> {
    let word = select(&WORDS[..]).prop_map(<[u8]>::to_vec);
    prop_oneof![
        (any::<Index>(), any::<u8>()).prop_map(|(at, byte)| Change::Set(at, byte)),
        (any::<Index>(), word).prop_map(|(at, word)| Change::Insert(at, word)),
        (any::<Index>(), vec(any::<u8>(), 1..8)).prop_map(|(at, more)| Change::Insert(at, more)),
        (any::<Index>(), 1..16_usize).prop_map(|(at, count)| Change::Remove(at, count)),
        any::<Index>().prop_map(Change::Cut),
        (any::<Index>(), any::<Index>(), 1..64_usize)
            .prop_map(|(from, to, times)| Change::Repeat(from, to, times)),
        (any::<Index>(), any::<Index>()).prop_map(|(at, other)| Change::Splice(at, other)),
    ]
}

fn apply(change: &Change, data: &mut Vec<u8>, corpus: &[Vec<u8>]) {
    let place = |at: &Index, data: &[u8]| at.index(data.len() + 1);
    match change {
        Change::Set(at, byte) => {
            let at = place(at, data);
            if let Some(old) = data.get_mut(at) {
                *old = *byte;
            }
        }
        Change::Insert(at, more) => {
            let at = place(at, data);
            data.splice(at..at, more.iter().copied());
        }
        Change::Remove(at, count) => {
            let at = place(at, data);
            data.drain(at..(at + count).min(data.len()));
        }
        Change::Cut(at) => data.truncate(place(at, data)),
        Change::Repeat(from, to, times) => {
            let (from, to) = (place(from, data), place(to, data));
            let part = data[from.min(to)..from.max(to)].repeat(*times);
            let room = (1_usize << 17).saturating_sub(data.len());
            data.splice(to..to, part.into_iter().take(room));
        }
        Change::Splice(at, other) => {
            let start = place(at, data);
            let other = &corpus[other.index(corpus.len())];
            data.truncate(start);
            data.extend(&other[place(at, other)..]);
        }
    }
}

fn mutated(corpus: Vec<Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    let changes = (any::<Index>(), vec(change(), 0..6)).prop_map(move |(entry, changes)| {
        let mut data = corpus[entry.index(corpus.len())].clone();
        for change in &changes {
            apply(change, &mut data, &corpus);
        }
        data
    });
    prop_oneof![9 => changes, 1 => vec(any::<u8>(), 0..256)]
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

fn corpus(target: &str) -> Vec<Vec<u8>> {
    let entries = fs::read_dir(folder().join("corpus").join(target)).unwrap();
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.iter().map(|path| fs::read(path).unwrap()).collect()
}

fn drive(name: &str, target: fn(&[u8])) {
    let cases = std::env::var("GENREX_FUZZ_CASES").map_or(CASES, |cases| cases.parse().unwrap());
    let corpus = corpus(name);
    for entry in &corpus {
        target(entry);
    }
    let config = Config {
        cases,
        failure_persistence: None,
        max_shrink_iters: 1_000,
        ..Config::default()
    };
    let count = Cell::new(corpus.len());
    let held = TestRunner::new(config).run(&mutated(corpus), |data| {
        count.set(count.get() + 1);
        target(&data);
        Ok(())
    });
    match held {
        Ok(()) => println!("\n{name}: {} executions", count.get()),
        Err(TestError::Fail(why, data)) => {
            panic!("{name}: {why}\nb\"{}\"", data.escape_ascii());
        }
        Err(TestError::Abort(why)) => panic!("{name}: {why}"),
    }
}

macro_rules! targets {
    ($($name:ident)*) => {
        $(#[test]
        fn $name() {
            drive(stringify!($name), genrex_fuzz::$name);
        })*

        const DRIVEN: &[&str] = &[$(stringify!($name)),*];
    };
}

targets! {
    balance base_url config credentials date download error_body escape generation links profiles purchase query_id
    redact retry_after rows salvage signature_header submit wait wav
}

/// What a folder holds, by its names without their extensions.
fn names(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).unwrap();
    let stem = |path: PathBuf| path.file_stem().unwrap().to_string_lossy().into_owned();
    entries.map(|entry| stem(entry.unwrap().path())).collect()
}

#[test]
fn each_target_is_driven_and_has_a_corpus_and_a_program() {
    let targets: BTreeSet<String> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    let driven: BTreeSet<String> = DRIVEN.iter().map(|name| (*name).to_owned()).collect();
    assert_eq!(driven, targets);
    assert_eq!(names(&folder().join("corpus")), targets);
    assert_eq!(names(&folder().join("cargo-fuzz/targets")), targets);
    for target in targets {
        assert!(corpus(&target).len() >= 2, "{target} has no corpus");
    }
}

//! Several processes, and what one leaves that ends at any step.
#![cfg(unix)]

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use genrex_ledger::{ErrorKind, Event, Filter, Ledger as _, LocalId, Look, State};
use genrex_ledger_sqlite::SqliteLedger;

use crate::support::{
    NOW, accepted, account, alias, begin, beside, by_hand, intend, intent, ledger, limited, place,
    record, send, state, wait,
};

const PATH: &str = "GENREX_TEST_LEDGER";
const TASK: &str = "GENREX_TEST_TASK";

/// Another process, at a task on a ledger.
struct Other {
    process: Child,
    said: std::io::Lines<BufReader<std::process::ChildStdout>>,
}

impl Other {
    fn begin(path: &Path, task: &str) -> Self {
        Self::run(Command::new(std::env::current_exe().unwrap()), path, task)
    }

    fn run(mut command: Command, path: &Path, task: &str) -> Self {
        let mut process = command
            .args([
                "processes::other",
                "--exact",
                "--nocapture",
                "--test-threads=1",
            ])
            .env(PATH, path)
            .env(TASK, task)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let said = BufReader::new(process.stdout.take().unwrap()).lines();
        Self { process, said }
    }

    /// The next that it says of its task.
    fn says(&mut self) -> Option<String> {
        self.said.by_ref().map(Result::unwrap).find_map(|line| {
            line.split_once("says: ")
                .map(|(_, what)| String::from(what))
        })
    }

    /// Ends it as nothing else does.
    fn kill(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// What the other process does; without a task it is no test.
#[test]
fn other() {
    let (Ok(path), Ok(task)) = (std::env::var(PATH), std::env::var(TASK)) else {
        return;
    };
    if task == "umask" {
        rustix::process::umask(rustix::fs::Mode::empty());
    }
    let ledger = SqliteLedger::open(path).unwrap();
    match task.as_str() {
        "limit" => {
            let tries = (0..40).map(|_| wait(ledger.intend(&limited("music", 505), NOW)));
            say(&tries.filter(Result::is_ok).count().to_string());
        }
        "umask" => {
            send(&ledger, "music");
            say("made");
            std::thread::park();
        }
        "forever" => forever(&ledger),
        "full" => full(&ledger),
        steps => {
            let id = intend(&ledger, "music");
            for step in steps.split_whitespace() {
                match step {
                    "sent" => record(&ledger, id, &Event::Sent),
                    "accepted" => record(&ledger, id, &accepted("QRY_1")),
                    "completed" => record(&ledger, id, &Event::Completed),
                    _ => continue,
                }
                .unwrap();
            }
            say(&id.to_string());
            std::thread::park();
        }
    }
}

#[expect(clippy::print_stdout, reason = "the parent reads it")]
fn say(what: &str) {
    // The harness has begun a line.
    println!("\nsays: {what}");
}

/// Says what is kept, and only that, for as long as it lives.
fn forever(ledger: &SqliteLedger) {
    loop {
        let id = intend(ledger, "music");
        say(&format!("{id} intended"));
        record(ledger, id, &Event::Sent).unwrap();
        say(&format!("{id} sent"));
        record(ledger, id, &accepted(&format!("QRY_{id}"))).unwrap();
        say(&format!("{id} accepted"));
    }
}

/// Goes on while its files may not grow any more.
fn full(ledger: &SqliteLedger) {
    use rustix::process::{Resource, Rlimit, setrlimit};
    let most = |current| {
        let limit = Rlimit {
            current,
            maximum: None,
        };
        setrlimit(Resource::Fsize, limit).unwrap();
    };
    let ids: Vec<LocalId> = (0..4)
        .map(|number| send(ledger, &number.to_string()))
        .collect();
    let log = beside(ledger.path(), "-wal");
    most(Some(log.metadata().unwrap().len()));

    // All that were asked together are told, and none counts.
    let intents: Vec<_> = (0..9).map(|number| intent(&number.to_string())).collect();
    let mut asked: Vec<_> = intents
        .iter()
        .map(|intent| ledger.intend(intent, NOW))
        .collect();
    let held = by_hand(ledger.path());
    held.execute_batch("BEGIN IMMEDIATE").unwrap();
    asked.iter_mut().for_each(begin);
    held.execute_batch("ROLLBACK").unwrap();
    for answer in asked {
        assert_eq!(wait(answer).unwrap_err().kind(), ErrorKind::Storage);
    }
    assert_eq!(wait(ledger.entries(&Filter::default())).unwrap().len(), 4);
    record(ledger, ids[0], &accepted("QRY_0")).unwrap_err();
    record(ledger, ids[1], &Event::Ambiguous("cut".into())).unwrap_err();
    assert_eq!(state(ledger, ids[0]), State::Sent);

    most(None);
    record(ledger, ids[2], &accepted("QRY_2")).unwrap();
    assert_eq!(state(ledger, ids[0]), State::Accepted);
    assert_eq!(state(ledger, ids[1]), State::Ambiguous);

    most(Some(log.metadata().unwrap().len()));
    record(ledger, ids[3], &accepted("QRY_3")).unwrap_err();
    say(&ids[3].to_string());
    std::thread::park();
}

/// Whatever a process's mask lets others have, they get nothing.
#[test]
fn a_process_without_a_umask_makes_files_that_are_its_owner_s_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let (_folder, path) = place();
    let mut theirs = Other::begin(&path, "umask");
    assert_eq!(theirs.says().as_deref(), Some("made"));
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    let folder = path.parent().unwrap();
    let owners = beside(&path, ".owners");
    for place in [folder, &owners] {
        assert_eq!(mode(place), 0o700, "{place:?}");
        for file in fs::read_dir(place)
            .unwrap()
            .map(|file| file.unwrap().path())
        {
            if file.is_file() {
                assert_eq!(mode(&file), 0o600, "{file:?}");
            }
        }
    }
    assert_eq!(fs::read_dir(&owners).unwrap().count(), 1, "its lock");
    theirs.kill();
}

#[test]
fn a_file_that_may_not_grow_loses_nothing() {
    let (_folder, path, ours) = ledger();
    // A write that goes too far is to be an error, and not the process's end.
    let mut shell = Command::new("sh");
    shell.args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\""]);
    shell.arg(std::env::current_exe().unwrap());
    let mut theirs = Other::run(shell, &path, "full");
    let id: LocalId = theirs.says().unwrap().parse().unwrap();
    theirs.kill();
    assert_eq!(state(&ours, id), State::Sent);
    wait(ours.recover(NOW)).unwrap();
    assert_eq!(state(&ours, id), State::Accepted);
    assert!(!ours.rescue_path().exists());
}

#[test]
fn a_process_that_is_killed_leaves_what_it_kept() {
    for (steps, left, ended) in [
        ("intended", State::Intended, State::NotSent),
        ("sent", State::Sent, State::Ambiguous),
        ("sent accepted", State::Accepted, State::Accepted),
        (
            "sent accepted completed",
            State::Completed,
            State::Completed,
        ),
    ] {
        let (_folder, path, ours) = ledger();
        let mut theirs = Other::begin(&path, steps);
        let id: LocalId = theirs.says().unwrap().parse().unwrap();
        assert_eq!(wait(ours.recover(NOW)).unwrap(), [], "it is alive");
        assert_eq!(state(&ours, id), left);
        theirs.kill();
        let found = wait(ours.recover(NOW)).unwrap();
        assert_eq!(found.len(), usize::from(left != ended));
        assert_eq!(state(&ours, id), ended);
    }
}

#[test]
fn whatever_a_killed_process_said_is_so() {
    for round in 0_u32..6 {
        let (_folder, path, ours) = ledger();
        let mut theirs = Other::begin(&path, "forever");
        let said: Vec<String> = (0..1 + round * 5).filter_map(|_| theirs.says()).collect();
        theirs.kill();
        wait(ours.recover(NOW)).unwrap();
        for line in said {
            let (id, then) = line.split_once(' ').unwrap();
            let id: LocalId = id.parse().unwrap();
            let history = wait(ours.history(id)).unwrap();
            assert!(
                history.iter().any(|past| past.state.as_str() == then),
                "{line}"
            );
        }
        let all = wait(ours.entries(&Filter::default())).unwrap();
        let is_ended = |entry: &genrex_ledger::Entry| !entry.state.is_in_flight();
        assert!(all.iter().all(is_ended));
    }
}

#[test]
fn two_processes_never_pass_one_limit() {
    let (_folder, path, ours) = ledger();
    wait(ours.observe(&alias(), &account(), &Look::new(0), NOW)).unwrap();
    let mut others = [Other::begin(&path, "limit"), Other::begin(&path, "limit")];
    let own = (0..20).map(|_| wait(ours.intend(&limited("music", 505), NOW)));
    let own = own.filter(Result::is_ok).count();
    let theirs = others
        .iter_mut()
        .map(|other| -> usize { other.says().unwrap().parse().unwrap() });
    assert_eq!(own + theirs.sum::<usize>(), 50);
}

//! Every behaviour of a hostile server, met by the program: how it ends, what stands on the disk then, how much memory
//! it took, and whether a secret is in anything that it wrote.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use genrex_async::ErrorKind;
use genrex_tests::canary::{Canary, has_signature};
use genrex_tests::hostile::{Behaviour, LINK_SECRET, Stage, all};
use genrex_tests::wav;
use tempfile::tempdir;

use crate::support::genrex;

const KEY: &str = r#"c4nary-key"\+/%"#;
const SECRET: &str = r#"c4nary-S3cret"\+/%"#;

#[test]
fn a_hostile_server_gets_no_file_no_memory_and_no_secret() {
    const AT_ONCE: usize = 8;
    let behaviours: Vec<_> = all().into_iter().filter(is_met).collect();
    assert!(behaviours.len() >= 100, "{}", behaviours.len());
    let plain = Run::of(honest(), "music").memory;
    let next = AtomicUsize::new(0);
    let findings = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(behaviour) = behaviours.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let run = Run::of(*behaviour, "music");
                    if let Err(found) = run.check(*behaviour, plain) {
                        let found = format!("{}: {found}\n{}", behaviour.name, run.stderr());
                        findings.lock().unwrap().push(found);
                    }
                }
            });
        }
    });
    let findings = findings.into_inner().unwrap();
    assert!(findings.is_empty(), "{}", findings.join("\n"));
}

/// A prompt is kept in the ledger and in the file's name: with the secret as the prompt, the search must find it.
#[test]
fn a_secret_on_the_disk_is_found() {
    let run = Run::of(honest(), SECRET);
    assert!(run.secret().is_some());
}

#[test]
#[cfg(target_os = "linux")]
fn memory_that_a_process_takes_is_seen() {
    let mut process = Command::new("dd")
        .args(["if=/dev/zero", "of=/dev/null", "bs=100M", "count=20"])
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let (_, memory) = wait(&mut process);
    assert!(memory >= 100 << 20, "{memory}");
}

/// A submit that is on its way is not cut short by the program's deadline: that would take a minute each.
fn is_met(behaviour: &Behaviour) -> bool {
    !(behaviour.is_endless && behaviour.at == Stage::Submit)
}

fn honest() -> Behaviour {
    let ends_well = |behaviour: &Behaviour| {
        behaviour.expected.is_ok() && behaviour.at == Stage::Submit && behaviour.times > 1
    };
    all().into_iter().find(ends_well).unwrap()
}

/// A run of the program against a server.
struct Run {
    /// Its folder, which is its home too, and where its streams went.
    folder: tempfile::TempDir,
    streams: tempfile::TempDir,
    status: ExitStatus,
    /// The most that it used, in bytes; 0 where `/proc` does not say.
    memory: u64,
}

impl Run {
    fn of(behaviour: Behaviour, prompt: &str) -> Self {
        let server = behaviour.start();
        let (folder, streams) = (tempdir().unwrap(), tempdir().unwrap());
        let stream = |name: &str| File::create(streams.path().join(name)).unwrap();
        let mut process = genrex(folder.path())
            .args(["generate", prompt, "--duration", "10", "--json"])
            .args(["--timeout", "15s", "--poll-interval", "20ms"])
            .env("GENREX_BASE_URL", server.url())
            .env("GENREX_API_KEY", KEY)
            .env("GENREX_API_SECRET", SECRET)
            .env("RUST_LOG", "trace")
            .stdout(stream("stdout"))
            .stderr(stream("stderr"))
            .spawn()
            .unwrap();
        let (status, memory) = wait(&mut process);
        Self {
            folder,
            streams,
            status,
            memory,
        }
    }

    fn check(&self, behaviour: Behaviour, plain: u64) -> Result<(), String> {
        const MOST_MORE: u64 = 40 << 20;
        const MOST_ON_DISK: u64 = 4 << 20;
        let code = self.status.code();
        let codes = codes(behaviour);
        if !code.is_some_and(|code| codes.contains(&code)) {
            return Err(format!("{:?}, and not one of {codes:?}", self.status));
        }
        let files = files(self.folder.path());
        let is_music = |file: &&PathBuf| {
            file.extension()
                .is_some_and(|it| it == "wav" || it == "part")
        };
        let music: Vec<_> = files.iter().filter(is_music).collect();
        let is_whole = |file: &&PathBuf| fs::read(file).unwrap() == wav();
        if music.len() != usize::from(code == Some(0)) || !music.iter().all(is_whole) {
            return Err(format!("it left {music:?}"));
        }
        let size: u64 = files
            .iter()
            .map(|file| file.metadata().unwrap().len())
            .sum();
        if size > MOST_ON_DISK {
            return Err(format!("{size} bytes stand on the disk: {files:?}"));
        }
        if self.memory > plain + MOST_MORE {
            return Err(format!(
                "{} bytes of memory, and plainly {plain}",
                self.memory
            ));
        }
        self.secret().map_or(Ok(()), Err)
    }

    /// A secret in anything that was written.
    fn secret(&self) -> Option<String> {
        let canaries = [KEY, SECRET].map(Canary::new);
        let streams = files(self.streams.path());
        let written = files(self.folder.path()).into_iter().chain(streams);
        for file in written {
            let bytes = fs::read(&file).unwrap();
            let found = canaries.iter().find_map(|canary| canary.found_in(&bytes));
            let signature = has_signature(&bytes).then_some("a signature");
            // What was bought is shown on the standard output, its link too.
            let is_shown = file.file_name().is_some_and(|name| name == "stdout");
            let link = (!is_shown).then(|| Canary::new(LINK_SECRET).found_in(&bytes));
            if let Some(found) = found.or(signature).or(link.flatten()) {
                return Some(format!("{found} in {}", file.display()));
            }
        }
        None
    }

    fn stderr(&self) -> String {
        let text = fs::read_to_string(self.streams.path().join("stderr")).unwrap_or_default();
        let last: Vec<_> = text.lines().rev().take(5).collect();
        last.join("\n")
    }
}

/// The codes that a run may end with. What is tried again may meet the deadline first.
fn codes(behaviour: Behaviour) -> Vec<i32> {
    let is_bought = matches!(behaviour.at, Stage::Poll | Stage::Audio);
    let code = |kind| match code(kind) {
        // That one says that nothing was charged.
        8 if is_bought => 1,
        other => other,
    };
    let own = behaviour.expected.map_or_else(code, |()| 0);
    if behaviour.is_endless {
        // The deadline ends the exchange before its own time-out does.
        vec![own, code(ErrorKind::Deadline), code(ErrorKind::Unreachable)]
    } else if behaviour.at != Stage::Submit && own != 0 {
        vec![own, code(ErrorKind::Deadline)]
    } else {
        vec![own]
    }
}

/// As the README lists them.
fn code(kind: ErrorKind) -> i32 {
    match kind {
        ErrorKind::Credentials => 3,
        ErrorKind::GenerationFailed => 4,
        ErrorKind::Deadline => 5,
        ErrorKind::OutOfCredit => 6,
        ErrorKind::Ambiguous => 7,
        ErrorKind::Unreachable | ErrorKind::UnexpectedAnswer | ErrorKind::TooLarge => 8,
        _ => 1,
    }
}

/// Waits for a process, and says how much memory it used at most.
#[expect(
    clippy::disallowed_methods,
    reason = "the process's memory is looked at now and then until it ends"
)]
fn wait(process: &mut Child) -> (ExitStatus, u64) {
    /// In steps of 2 ms: minutes, so that only what never ends is ended.
    const MOST_LOOKS: usize = 60_000;
    let place = PathBuf::from(format!("/proc/{}", process.id()));
    let mut memory = 0;
    for _ in 0..MOST_LOOKS {
        memory = memory.max(peak_memory(&place));
        if let Some(status) = process.try_wait().unwrap() {
            return (status, memory);
        }
        thread::sleep(Duration::from_millis(2));
    }
    process.kill().unwrap();
    (process.wait().unwrap(), memory)
}

fn peak_memory(process: &Path) -> u64 {
    // Until its program is loaded, the memory is that of the process that started it; so are the arguments.
    let arguments = fs::read(process.join("cmdline")).unwrap_or_default();
    if arguments.is_empty() || arguments == fs::read("/proc/self/cmdline").unwrap() {
        return 0;
    }
    let status = fs::read_to_string(process.join("status")).unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kibibytes =
        peak.and_then(|peak| peak.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
    kibibytes.unwrap_or(0) << 10
}

/// All files below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let (folders, mut found): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
    found.extend(folders.iter().flat_map(|folder| files(folder)));
    found
}

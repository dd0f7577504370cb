//! What a process did to the files under a folder, read from strace's log.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, ensure};

use super::disk::{Node, Step};

const CALLS: &str = "trace=openat,pwrite64,write,lseek,ftruncate,fsync,fdatasync,mkdir,mkdirat,rename,renameat,\
                     renameat2,link,linkat,unlink,unlinkat,close";

/// Runs a command under strace, and reads what it did under `root`, and its lines to standard output as promises.
pub(super) fn record(command: &Command, root: &Path) -> anyhow::Result<Vec<Step>> {
    let folder = tempfile::tempdir()?;
    let log = folder.path().join("strace.log");
    let ended = Command::new("strace")
        .args(["-f", "-qq", "-xx", "-s", "200000", "-o"])
        .arg(&log)
        .args(["-e", CALLS])
        .arg(command.get_program())
        .args(command.get_args())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status()
        .context("strace cannot be run: is it installed?")?;
    ensure!(ended.success(), "the worker ended with {ended}");
    Ok(read(&std::fs::read_to_string(&log)?, root))
}

/// The steps in a log.
pub(super) fn read(log: &str, root: &Path) -> Vec<Step> {
    let mut reader = Reader::new(root);
    let mut unfinished: HashMap<&str, &str> = HashMap::new();
    let mut steps = Vec::new();
    for line in log.lines() {
        // Each line begins with its thread's number.
        let Some((thread, line)) = line.split_once(' ') else {
            continue;
        };
        let line = line.trim_start();
        // A call that another thread's came into stands in two lines.
        if let Some(begun) = line.strip_suffix("<unfinished ...>") {
            unfinished.insert(thread, begun.trim_end());
            continue;
        }
        let resumed = line
            .strip_prefix("<... ")
            .and_then(|line| line.split_once("resumed>"));
        let whole = match resumed {
            Some((_, rest)) => {
                format!("{}{rest}", unfinished.remove(thread).unwrap_or_default())
            }
            None => line.to_owned(),
        };
        steps.extend(reader.step(&whole));
    }
    steps
}

/// What is known of the process while its log is read.
struct Reader<'a> {
    root: &'a Path,
    /// What each descriptor is open on.
    open: BTreeMap<u64, Open>,
    /// What each name under the root names.
    names: BTreeMap<PathBuf, usize>,
    folders: BTreeSet<PathBuf>,
    files: usize,
}

#[derive(Debug, Clone)]
enum Open {
    /// A file, and where the next byte goes.
    File(usize, u64),
    Folder(PathBuf),
}

impl<'a> Reader<'a> {
    fn new(root: &'a Path) -> Self {
        Self {
            root,
            open: BTreeMap::new(),
            names: BTreeMap::new(),
            folders: BTreeSet::from([root.to_path_buf()]),
            files: 0,
        }
    }

    /// `pwrite64(5, "\x00…", 32, 0) = 32`.
    fn step(&mut self, line: &str) -> Option<Step> {
        let (call, rest) = line.split_once('(')?;
        let (arguments, result) = rest.rsplit_once(" = ")?;
        let result: u64 = result.split_whitespace().next()?.parse().ok()?;
        let arguments = arguments.trim_end().strip_suffix(')')?;
        let fields: Vec<&str> = arguments.split(", ").collect();
        match call {
            "openat" => self.opened(path(fields.get(1)?)?, fields.get(2)?, result),
            "close" => {
                self.open.remove(&number(fields.first()?)?);
                None
            }
            "lseek" => {
                if let Some(Open::File(_, at)) = self.open.get_mut(&number(fields.first()?)?) {
                    *at = result;
                }
                None
            }
            "write" | "pwrite64" => self.wrote(&fields, result),
            "ftruncate" => match self.of(fields.first()?)? {
                Open::File(file, _) => Some(Step::Truncate(file, number(fields.get(1)?)?)),
                Open::Folder(_) => None,
            },
            "fsync" | "fdatasync" => Some(match self.of(fields.first()?)? {
                Open::File(file, _) => Step::SyncFile(file),
                Open::Folder(folder) => Step::SyncFolder(folder),
            }),
            _ => self.named(call, &fields),
        }
    }

    fn of(&self, descriptor: &str) -> Option<Open> {
        self.open.get(&number(descriptor)?).cloned()
    }

    fn opened(&mut self, path: PathBuf, flags: &str, descriptor: u64) -> Option<Step> {
        // A descriptor that was taken over names something else now.
        self.open.remove(&descriptor);
        // The index of the log is made anew from the log.
        let is_index = path.to_string_lossy().ends_with("-shm");
        if !path.starts_with(self.root) || is_index {
            return None;
        }
        if self.folders.contains(&path) {
            self.open.insert(descriptor, Open::Folder(path));
            return None;
        }
        if let Some(file) = self.names.get(&path) {
            self.open.insert(descriptor, Open::File(*file, 0));
            return flags
                .contains("O_TRUNC")
                .then_some(Step::Truncate(*file, 0));
        }
        let file = self.files;
        self.files += 1;
        self.names.insert(path.clone(), file);
        self.open.insert(descriptor, Open::File(file, 0));
        Some(Step::Make(path, Node::File(file)))
    }

    fn wrote(&mut self, fields: &[&str], length: u64) -> Option<Step> {
        let mut bytes = unescape(fields.get(1)?.trim_matches('"'))?;
        bytes.truncate(usize::try_from(length).ok()?);
        let descriptor = number(fields.first()?)?;
        let place = fields.get(3).map(|place| number(place));
        match (self.open.get_mut(&descriptor), place) {
            (Some(Open::File(file, _)), Some(place)) => Some(Step::Write(*file, place?, bytes)),
            (Some(Open::File(file, at)), None) => {
                let place = *at;
                *at += length;
                Some(Step::Write(*file, place, bytes))
            }
            (None, None) if descriptor == 1 => Some(Step::Promise(
                String::from_utf8(bytes).ok()?.trim().to_owned(),
            )),
            _ => None,
        }
    }

    /// Calls that take names.
    fn named(&mut self, call: &str, fields: &[&str]) -> Option<Step> {
        let mut paths = fields.iter().filter_map(|field| path(field));
        let first = paths.next().filter(|path| path.starts_with(self.root))?;
        match call {
            "mkdir" | "mkdirat" => {
                self.folders.insert(first.clone());
                Some(Step::Make(first, Node::Folder))
            }
            "rename" | "renameat" | "renameat2" => {
                let to = paths.next()?;
                if let Some(file) = self.names.remove(&first) {
                    self.names.insert(to.clone(), file);
                }
                Some(Step::Rename(first, to))
            }
            "link" | "linkat" => {
                let to = paths.next()?;
                if let Some(file) = self.names.get(&first).copied() {
                    self.names.insert(to.clone(), file);
                }
                Some(Step::Link(first, to))
            }
            "unlink" | "unlinkat" => {
                self.names.remove(&first);
                Some(Step::Remove(first))
            }
            _ => None,
        }
    }
}

fn number(field: &str) -> Option<u64> {
    field.trim().parse().ok()
}

/// A path in quotes.
fn path(field: &str) -> Option<PathBuf> {
    let text = field.trim().strip_prefix('"')?.strip_suffix('"')?;
    Some(PathBuf::from(String::from_utf8(unescape(text)?).ok()?))
}

/// `\x2f\x74` as bytes.
fn unescape(text: &str) -> Option<Vec<u8>> {
    text.split("\\x")
        .skip(1)
        .map(|two| u8::from_str_radix(two.get(..2)?, 16).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Text as strace writes it.
    fn hex(text: &str) -> String {
        let bytes = text.bytes().map(|byte| format!("\\x{byte:02x}"));
        format!("\"{}\"", bytes.collect::<String>())
    }

    #[test]
    fn a_log_of_two_threads_is_read() {
        let (folder, file, other) = (hex("/d/new"), hex("/d/new/a"), hex("/d/new/b"));
        let (bytes, promise) = (hex("ab"), hex("1 sent\n"));
        let log = [
            format!("7 mkdir({folder}, 0700) = 0"),
            format!("7 openat(AT_FDCWD, {file}, O_RDWR|O_CREAT, 0600) = 4"),
            format!("7 pwrite64(4, {bytes}, 2, 8 <unfinished ...>"),
            format!("8 write(1, {promise}, 7) = 7"),
            String::from("7 <... pwrite64 resumed>) = 2"),
            format!("7 write(4, {bytes}, 2) = 2"),
            String::from("7 fdatasync(4) = 0"),
            String::from("7 fsync(9) = -1 EBADF (Bad file descriptor)"),
            format!("7 renameat2(AT_FDCWD, {file}, AT_FDCWD, {other}, RENAME_NOREPLACE) = 0"),
            format!("7 openat(AT_FDCWD, {folder}, O_RDONLY) = 5"),
            String::from("7 fsync(5) = 0"),
            format!("7 unlink({other}) = 0"),
        ]
        .join("\n");
        let steps = read(&log, Path::new("/d"));
        let steps: Vec<String> = steps.iter().map(|step| format!("{step:?}")).collect();
        assert_eq!(
            steps,
            [
                "Make(\"/d/new\", Folder)",
                "Make(\"/d/new/a\", File(0))",
                "Promise(\"1 sent\")",
                "Write(0, 8, [97, 98])",
                "Write(0, 0, [97, 98])",
                "SyncFile(0)",
                "Rename(\"/d/new/a\", \"/d/new/b\")",
                "SyncFolder(\"/d/new\")",
                "Remove(\"/d/new/b\")",
            ]
        );
    }
}

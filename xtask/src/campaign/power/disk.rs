//! A disk: what is surely on it, and what may be, when the power goes.
//!
//! What a file holds is there once the file was synced. That it has its name is there once the folder of the name was
//! synced, and so on up to the folder that was there before. Of what was not synced, a file may have any part, in any
//! order, whole or torn; a folder has its changes in their order, up to some.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What a process did, in order.
#[derive(Debug, Clone)]
pub(super) enum Step {
    /// A file of this number is made, or a folder.
    Make(PathBuf, Node),
    Write(usize, u64, Vec<u8>),
    Truncate(usize, u64),
    Rename(PathBuf, PathBuf),
    Link(PathBuf, PathBuf),
    Remove(PathBuf),
    SyncFile(usize),
    SyncFolder(PathBuf),
    /// It was told that this is kept: job and state.
    Promise(String),
}

/// What a name names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Node {
    File(usize),
    Folder,
}

/// The disk under one folder, which was there before.
#[derive(Debug, Default, Clone)]
pub(super) struct Disk {
    files: BTreeMap<usize, Content>,
    /// What each name names, for the process.
    names: BTreeMap<PathBuf, Node>,
    /// The same of what is surely there.
    durable: BTreeMap<PathBuf, Node>,
    /// What was done to the names of a folder, and was not synced.
    pending: BTreeMap<PathBuf, Vec<Change>>,
}

/// What a file holds.
#[derive(Debug, Default, Clone)]
struct Content {
    durable: Vec<u8>,
    pending: Vec<Edit>,
}

#[derive(Debug, Clone)]
enum Edit {
    Write(u64, Vec<u8>),
    Truncate(u64),
}

/// Names that go, and one that comes, at once.
#[derive(Debug, Clone)]
struct Change {
    gone: Option<PathBuf>,
    new: Option<(PathBuf, Node)>,
}

impl Disk {
    /// Does what the process did; a promise is not the disk's.
    pub(super) fn perform(&mut self, step: &Step) {
        match step {
            Step::Make(path, node) => self.change(None, Some((path.clone(), *node))),
            Step::Write(file, at, bytes) => self.edit(*file, Edit::Write(*at, bytes.clone())),
            Step::Truncate(file, length) => self.edit(*file, Edit::Truncate(*length)),
            Step::Rename(from, to) => {
                if let Some(node) = self.names.get(from).copied() {
                    self.change(Some(from.clone()), Some((to.clone(), node)));
                }
            }
            Step::Link(from, to) => {
                if let Some(node) = self.names.get(from).copied() {
                    self.change(None, Some((to.clone(), node)));
                }
            }
            Step::Remove(path) => self.change(Some(path.clone()), None),
            Step::SyncFile(file) => self.files.entry(*file).or_default().sync(),
            Step::SyncFolder(folder) => {
                for change in self.pending.remove(folder).unwrap_or_default() {
                    change.apply(&mut self.durable);
                }
            }
            Step::Promise(_) => {}
        }
    }

    /// Puts into `into` what may be there of the folder `root` when the power goes.
    pub(super) fn lose_power(
        mut self,
        root: &Path,
        into: &Path,
        random: &mut fastrand::Rng,
    ) -> std::io::Result<()> {
        for changes in std::mem::take(&mut self.pending).into_values() {
            let kept = random.usize(..=changes.len());
            for change in &changes[..kept] {
                change.apply(&mut self.durable);
            }
        }
        // A folder comes before what it holds.
        for (path, node) in &self.durable {
            let Ok(place) = path.strip_prefix(root) else {
                continue;
            };
            let place = into.join(place);
            // What is in a folder that is not there cannot be found.
            if !place.parent().is_some_and(Path::is_dir) {
                continue;
            }
            match node {
                Node::Folder => std::fs::create_dir(&place)?,
                Node::File(file) => {
                    let content = self.files.remove(file).unwrap_or_default();
                    std::fs::write(&place, content.after_loss(random))?;
                }
            }
            make_private(&place, *node)?;
        }
        Ok(())
    }

    fn edit(&mut self, file: usize, edit: Edit) {
        self.files.entry(file).or_default().pending.push(edit);
    }

    fn change(&mut self, gone: Option<PathBuf>, new: Option<(PathBuf, Node)>) {
        let change = Change { gone, new };
        change.apply(&mut self.names);
        let path = change
            .new
            .as_ref()
            .map(|(path, _)| path)
            .or(change.gone.as_ref());
        let folder = path.and_then(|path| path.parent()).map(Path::to_path_buf);
        self.pending
            .entry(folder.unwrap_or_default())
            .or_default()
            .push(change);
    }
}

impl Change {
    fn apply(&self, names: &mut BTreeMap<PathBuf, Node>) {
        if let Some(gone) = &self.gone {
            names.remove(gone);
        }
        if let Some((path, node)) = &self.new {
            names.insert(path.clone(), *node);
        }
    }
}

impl Content {
    fn sync(&mut self) {
        for edit in std::mem::take(&mut self.pending) {
            edit.apply(&mut self.durable);
        }
    }

    /// Of what is pending any, in any order, whole or torn at a sector.
    fn after_loss(mut self, random: &mut fastrand::Rng) -> Vec<u8> {
        const SECTOR: usize = 512;
        random.shuffle(&mut self.pending);
        for edit in self.pending {
            match (random.u8(0..4), edit) {
                (0, _) => {}
                (1, Edit::Write(at, mut bytes)) => {
                    let sectors = bytes.len().div_ceil(SECTOR);
                    bytes.truncate(random.usize(..=sectors) * SECTOR);
                    Edit::Write(at, bytes).apply(&mut self.durable);
                }
                (_, whole) => whole.apply(&mut self.durable),
            }
        }
        self.durable
    }
}

impl Edit {
    fn apply(&self, file: &mut Vec<u8>) {
        match self {
            Self::Write(at, bytes) => {
                let at = usize::try_from(*at).unwrap_or(usize::MAX);
                let end = at.saturating_add(bytes.len());
                if file.len() < end {
                    file.resize(end, 0);
                }
                file[at..end].copy_from_slice(bytes);
            }
            Self::Truncate(length) => file.resize(usize::try_from(*length).unwrap_or(0), 0),
        }
    }
}

#[cfg(unix)]
fn make_private(path: &Path, node: Node) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = if node == Node::Folder { 0o700 } else { 0o600 };
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))
}

#[cfg(not(unix))]
fn make_private(_: &Path, _: Node) -> std::io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What may be found under the name `/d/new/file`, over many losses.
    fn found(steps: &[Step]) -> Vec<Option<Vec<u8>>> {
        let mut disk = Disk::default();
        for step in steps {
            disk.perform(step);
        }
        let found = (0..64).map(|seed| {
            let into = tempfile::tempdir().unwrap();
            let mut random = fastrand::Rng::with_seed(seed);
            disk.clone()
                .lose_power(Path::new("/d"), into.path(), &mut random)
                .unwrap();
            std::fs::read(into.path().join("new/file")).ok()
        });
        found.collect()
    }

    fn steps() -> Vec<Step> {
        vec![
            Step::Make("/d/new".into(), Node::Folder),
            Step::SyncFolder("/d".into()),
            Step::Make("/d/new/tmp".into(), Node::File(0)),
            Step::Write(0, 0, b"whole".to_vec()),
            Step::SyncFile(0),
            Step::Rename("/d/new/tmp".into(), "/d/new/file".into()),
            Step::SyncFolder("/d/new".into()),
        ]
    }

    #[test]
    fn what_was_synced_is_there_and_nothing_is_without_any_of_the_syncs() {
        let whole = Some(b"whole".to_vec());
        assert!(found(&steps()).iter().all(|file| *file == whole));
        for left_out in [1, 4, 6] {
            let mut steps = steps();
            steps.remove(left_out);
            assert!(
                found(&steps).iter().any(|file| *file != whole),
                "{left_out}"
            );
        }
    }

    #[test]
    fn a_name_that_was_taken_away_may_be_there_until_its_folder_is_synced() {
        let mut removed = steps();
        removed.push(Step::Remove("/d/new/file".into()));
        assert!(found(&removed).iter().any(Option::is_some));
        removed.push(Step::SyncFolder("/d/new".into()));
        assert!(found(&removed).iter().all(Option::is_none));
    }
}

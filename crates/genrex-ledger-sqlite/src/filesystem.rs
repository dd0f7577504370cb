//! Whether a folder is on a network file system, where neither SQLite's log nor a lock can be relied on.

use std::io;
use std::path::Path;

/// The name of the network file system that a folder is on; `None` for a local one.
#[cfg(target_os = "linux")]
pub(crate) fn network(folder: &Path) -> io::Result<Option<String>> {
    use std::os::unix::fs::MetadataExt as _;

    let kind = u64::try_from(rustix::fs::statfs(folder)?.f_type).unwrap_or_default() & 0xFFFF_FFFF;
    if let Some((_, name)) = NETWORK.iter().find(|(magic, _)| *magic == kind) {
        return Ok(Some(String::from(*name)));
    }
    if kind != FUSE {
        return Ok(None);
    }
    let mounts = std::fs::read_to_string("/proc/self/mountinfo")?;
    let device = folder.metadata()?.dev();
    let device = (rustix::fs::major(device), rustix::fs::minor(device));
    let name = kind_of(&mounts, device).unwrap_or("fuse");
    Ok((!LOCAL_FUSE.contains(&name)).then(|| String::from(name)))
}

/// The name of the network file system that a folder is on, which is told on Linux only.
#[cfg(not(target_os = "linux"))]
pub(crate) fn network(_: &Path) -> io::Result<Option<String>> {
    Ok(None)
}

/// What `statfs(2)` says of file systems whose files are on another machine, or are another system's.
#[cfg(target_os = "linux")]
const NETWORK: [(u64, &str); 16] = [
    (0x6969, "nfs"),
    (0x517B, "smb"),
    (0xFE53_4D42, "smb2"),
    (0xFF53_4D42, "cifs"),
    (0x0102_1997, "9p"),
    (0x564C, "ncp"),
    (0x5346_414F, "afs"),
    (0x6B41_4653, "afs"),
    (0x7375_7245, "coda"),
    (0x00C3_6400, "ceph"),
    (0x0BD0_0BD0, "lustre"),
    (0x4750_4653, "gpfs"),
    (0x7461_636F, "ocfs2"),
    (0x0116_1970, "gfs2"),
    (0x786F_4256, "vboxsf"),
    (0xBACB_ACBC, "vmhgfs"),
];

#[cfg(target_os = "linux")]
const FUSE: u64 = 0x6573_5546;

/// File systems of FUSE whose files are on this machine. Any other may be a network's.
#[cfg(target_os = "linux")]
const LOCAL_FUSE: [&str; 9] = [
    "fuseblk",
    "fuse.gocryptfs",
    "fuse.encfs",
    "fuse.cryfs",
    "fuse.securefs",
    "fuse.mergerfs",
    "fuse.bindfs",
    "fuse.fuse-overlayfs",
    "fuse.ext2",
];

/// The kind of the mount of a device, as the lines of `/proc/self/mountinfo` tell.
#[cfg(target_os = "linux")]
fn kind_of(mounts: &str, (major, minor): (u32, u32)) -> Option<&str> {
    let device = format!("{major}:{minor}");
    let line = mounts
        .lines()
        .find(|line| line.split(' ').nth(2) == Some(device.as_str()))?;
    let (_, after) = line.split_once(" - ")?;
    after.split(' ').next()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    const MOUNTS: &str = "\
36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue
40 36 0:52 / /home/u/there rw,nosuid,nodev shared:9 - fuse.sshfs u@there:/ rw,user_id=1000
41 36 0:53 / /home/u/private rw shared:10 - fuse.gocryptfs /home/u/.private rw,user_id=1000
";

    #[test]
    fn the_kind_of_a_mount_is_read() {
        assert_eq!(kind_of(MOUNTS, (0, 52)), Some("fuse.sshfs"));
        assert_eq!(kind_of(MOUNTS, (0, 53)), Some("fuse.gocryptfs"));
        assert_eq!(kind_of(MOUNTS, (0, 54)), None);
        assert!(!LOCAL_FUSE.contains(&"fuse.sshfs"));
        assert!(LOCAL_FUSE.contains(&"fuse.gocryptfs"));
    }

    #[test]
    fn a_folder_of_this_machine_is_on_no_network() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(network(folder.path()).unwrap(), None);
    }
}

//! `filesystem`: size, free space and inodes of mounted file systems.

pub(super) mod mountinfo;
mod statfs;
mod table;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use agent_core::collector::{CollectError, Collector};
use agent_core::error::ConfigErrors;
use agent_core::exposition::{Exposition, Kind, LabelBlock, Value};

use self::mountinfo::{Mount, parse};
use self::statfs::{Answer, Query, Space, Workers};
use self::table::Table;
use super::Build;
use crate::filter::Filter;
use crate::flags::{Flag, Given, Takes};
use crate::host::Host;

const MOUNT_POINTS_EXCLUDE: Flag = Flag::regex(
    "collector.filesystem.mount-points-exclude",
    "^/(dev|proc|run/credentials/.+|sys|var/lib/docker/.+|var/lib/containers/storage/.+)($|/)",
    "Mount points to leave out; not together with mount-points-include",
)
.formerly(&["collector.filesystem.ignored-mount-points"]);
const MOUNT_POINTS_INCLUDE: Flag = Flag::regex(
    "collector.filesystem.mount-points-include",
    "",
    "Mount points to export; not together with mount-points-exclude",
);
const TYPES_EXCLUDE: Flag = Flag::regex(
    "collector.filesystem.fs-types-exclude",
    "^(autofs|binfmt_misc|bpf|cgroup2?|configfs|debugfs|devpts|devtmpfs|fusectl|hugetlbfs|iso9660|mqueue|nsfs|\
     overlay|proc|procfs|pstore|rpc_pipefs|securityfs|selinuxfs|squashfs|erofs|sysfs|tracefs)$",
    "Types of file systems to leave out; not together with fs-types-include",
)
.formerly(&["collector.filesystem.ignored-fs-types"]);
const TYPES_INCLUDE: Flag = Flag::regex(
    "collector.filesystem.fs-types-include",
    "",
    "Types of file systems to export; not together with fs-types-exclude",
);
const MOUNT_TIMEOUT: Flag = Flag {
    name: "collector.filesystem.mount-timeout",
    takes: Takes::Value { what: "DURATION", default: "5s" },
    help: "How long to wait for an answer of a file system",
    old_names: &[],
};

const STAT_WORKERS: Flag = Flag {
    name: "collector.filesystem.stat-workers",
    takes: Takes::Value { what: "NUMBER", default: "4" },
    help: "Accepted; as many threads ask as are needed",
    old_names: &[],
};

pub(super) const FLAGS: &[Flag] =
    &[MOUNT_POINTS_EXCLUDE, MOUNT_POINTS_INCLUDE, TYPES_EXCLUDE, TYPES_INCLUDE, MOUNT_TIMEOUT, STAT_WORKERS];

/// Name, HELP and value of a family that a file system which answers has.
type Family = (&'static str, &'static str, fn(&Space) -> u64);

const SPACE: [Family; 5] = [
    ("node_filesystem_size_bytes", "Size of a file system.", |space| space.size),
    ("node_filesystem_free_bytes", "Free space of a file system.", |space| space.free),
    ("node_filesystem_avail_bytes", "Free space that users without privileges may fill.", |space| {
        space.available
    }),
    ("node_filesystem_files", "Inodes of a file system.", |space| space.files),
    ("node_filesystem_files_free", "Free inodes of a file system.", |space| space.files_free),
];

/// What flags decide.
#[derive(Debug, Clone, Default)]
struct Settings {
    mount_points: Filter,
    types: Filter,
    timeout: Duration,
}

pub(super) fn build(given: Given<'_>) -> Result<Build, ConfigErrors> {
    let mut errors = ConfigErrors::new();
    let mut filter = |exclude, include| given.filter(exclude, include).map_err(|e| errors.extend(e)).ok();
    let mount_points = filter(&MOUNT_POINTS_EXCLUDE, &MOUNT_POINTS_INCLUDE);
    let types = filter(&TYPES_EXCLUDE, &TYPES_INCLUDE);
    let timeout = errors.take(given.duration(&MOUNT_TIMEOUT));
    let settings = || Some(Settings { mount_points: mount_points?, types: types?, timeout: timeout? });
    let settings = errors.finish(settings())?;
    Ok(Build::new(move |host| Filesystem::new(host, settings.clone())))
}

#[derive(Debug)]
struct Filesystem {
    table: Table,
    rootfs: PathBuf,
    settings: Settings,
    workers: Workers,
    /// What the table says, made anew when it changes.
    wanted: Vec<Wanted>,
    /// Whether these are being asked.
    asked: bool,
}

/// A mount that passes the filters.
#[derive(Debug)]
struct Wanted {
    /// `device`, `device_error=""`, `fstype`, `mountpoint`.
    labels: LabelBlock,
    info: LabelBlock,
    device: String,
    fs_type: String,
    mount_point: String,
    /// `major:minor` of the device.
    number: String,
    /// What the table says; an answer can say so too, see [`Wanted::is_read_only`].
    read_only: bool,
    /// Where statfs is called.
    path: Arc<Path>,
}

impl Filesystem {
    fn new(host: &Host, settings: Settings) -> Self {
        Self {
            table: Table::new(host),
            rootfs: host.roots.rootfs.clone(),
            workers: Workers::new(settings.timeout),
            settings,
            wanted: Vec::new(),
            asked: false,
        }
    }

    fn ask(&mut self) {
        self.workers.begin(self.wanted.iter().map(|mount| Query::new(&mount.path)).collect());
        self.asked = true;
    }

    fn read_mounts(&mut self) -> Result<(), CollectError> {
        if let Some(text) = self.table.read_changed()? {
            self.wanted = select(text, &self.rootfs, &self.settings);
            self.asked = false;
            let ext4 = self.wanted.iter().filter(|mount| mount.fs_type == "ext4");
            let devices = ext4.map(|mount| mount.number.as_str()).collect();
            self.table.watch_errors(&devices);
        }
        Ok(())
    }
}

impl Collector for Filesystem {
    /// Whether the table has changed is looked at later: mostly it has not.
    fn prepare(&mut self) {
        self.ask();
    }

    fn collect(&mut self, out: &mut Exposition<'_>) -> Result<(), CollectError> {
        self.read_mounts()?;
        if !self.asked {
            self.ask();
        }
        self.asked = false;
        let answers = self.workers.finish();
        write(out, &self.wanted, &answers);
        Ok(())
    }
}

fn write(out: &mut Exposition<'_>, mounts: &[Wanted], answers: &[Answer]) {
    for (name, help, value) in SPACE {
        let mut family = out.family(name, help, Kind::Gauge);
        for (mount, answer) in mounts.iter().zip(answers) {
            if let Answer::Space(space) = answer {
                family.sample_in(&mount.labels, &[], value(space));
            }
        }
    }
    let mut write_all = |name, help, value: fn(&Wanted, &Answer) -> Value| {
        let mut family = out.family(name, help, Kind::Gauge);
        for (mount, answer) in mounts.iter().zip(answers) {
            match answer.error() {
                None => family.sample_in(&mount.labels, &[], value(mount, answer)),
                Some(error) => family.sample(&mount.labels_with(&error), value(mount, answer)),
            }
        }
    };
    write_all("node_filesystem_readonly", "Whether a file system is mounted read-only.", |mount, answer| {
        mount.is_read_only(answer).into()
    });
    write_all(
        "node_filesystem_device_error",
        "Whether a file system could not tell its numbers.",
        |_, answer| answer.error().is_some().into(),
    );
    let help = "The device number of a mounted file system.";
    let mut family = out.family("node_filesystem_mount_info", help, Kind::Gauge);
    for (mount, answer) in mounts.iter().zip(answers) {
        if answer.error().is_none() {
            family.sample_in(&mount.info, &[], 1_u64);
        }
    }
}

impl Wanted {
    fn new(mount: &Mount<'_>, mount_point: String, path: &Path) -> Self {
        let device = String::from_utf8_lossy(&mount.source).into_owned();
        let fs_type = String::from_utf8_lossy(mount.fs_type).into_owned();
        let wanted = Self {
            labels: LabelBlock::new::<&str, &str>(&[]),
            info: LabelBlock::new(&[
                ("device", device.as_str()),
                ("major", mount.major),
                ("minor", mount.minor),
                ("mountpoint", &mount_point),
            ]),
            device,
            fs_type,
            mount_point,
            number: format!("{}:{}", mount.major, mount.minor),
            read_only: mount.read_only,
            path: path.into(),
        };
        Self { labels: LabelBlock::new(&wanted.labels_with("")), ..wanted }
    }

    /// Whether nothing can be written. An answer from below another root is of what we see there: in a container that has
    /// the host's `/` bound read-only, it would say so of every disk. Of those the table alone tells.
    fn is_read_only(&self, answer: &Answer) -> bool {
        self.read_only || (*self.path == *Path::new(&self.mount_point) && answer.is_read_only())
    }

    fn labels_with<'a>(&'a self, device_error: &'a str) -> [(&'static str, &'a str); 4] {
        [
            ("device", &self.device),
            ("device_error", device_error),
            ("fstype", &self.fs_type),
            ("mountpoint", &self.mount_point),
        ]
    }
}

/// The mounts to ask: of several on one mount point only the top-most, which is the one that answers there.
fn select(mountinfo: &[u8], rootfs: &Path, settings: &Settings) -> Vec<Wanted> {
    let mounts: Vec<_> = parse(mountinfo).collect();
    let topmost: HashMap<_, _> =
        mounts.iter().enumerate().map(|(index, mount)| (&mount.point, index)).collect();
    let mut selected = Vec::new();
    for (index, mount) in mounts.iter().enumerate() {
        if topmost.get(&mount.point) != Some(&index) {
            continue;
        }
        let place = mountinfo::below_root(&mount.point, rootfs);
        // Bytes that are no text are shown as the replacement character.
        let mount_point = place.to_string_lossy();
        let wanted = settings.mount_points.wants(&mount_point)
            && settings.types.wants(&String::from_utf8_lossy(mount.fs_type));
        if wanted {
            let path = mountinfo::on_rootfs(&place, rootfs);
            selected.push(Wanted::new(mount, mount_point.into_owned(), &path));
        }
    }
    selected
}

#[cfg(test)]
mod tests {
    use agent_core::testing::{FakeRoot, collect};
    use regex_lite::Regex;

    use super::*;
    use crate::host::fake;

    fn settings() -> Settings {
        let exclude = |pattern| Filter { exclude: Regex::new(pattern).ok(), include: None };
        Settings {
            mount_points: exclude("^/(dev|proc|sys)($|/)"),
            types: exclude("^(overlay|proc)$"),
            timeout: Duration::from_secs(5),
        }
    }

    fn collected(root: &FakeRoot) -> String {
        let (text, error) = collect(Filesystem::new(&fake::host(root), settings()));
        assert!(error.is_none(), "{error:?}");
        text
    }

    #[test]
    fn the_hosts_mounts_are_asked_below_rootfs() {
        let root = FakeRoot::new();
        root.file(
            "proc/1/mountinfo",
            b"22 1 254:0 / / rw,relatime - ext4 /dev/vda ro,discard\n\
              23 22 0:5 / /dev rw - devtmpfs udev rw\n\
              24 22 8:1 / /mnt/with\\040blank ro,nosuid shared:1 master:2 - xfs /dev/sdb1 rw\n\
              25 22 8:2 / /mnt/bad\xff rw - xfs /dev/sdc1 rw\n\
              26 22 8:3 / /gone rw - ext4 /dev/sdd1 rw\n",
        );
        for folder in ["root/mnt/with blank/x", "root/x"] {
            root.file(folder, "");
        }
        let text = collected(&root);
        assert!(
            text.contains(
                "size_bytes{device=\"/dev/vda\",device_error=\"\",fstype=\"ext4\",mountpoint=\"/\"} "
            ),
            "{text}"
        );
        for line in [
            "node_filesystem_readonly{device=\"/dev/vda\",device_error=\"\",fstype=\"ext4\",mountpoint=\"/\"} 1",
            "node_filesystem_readonly{device=\"/dev/sdb1\",device_error=\"\",fstype=\"xfs\",mountpoint=\"/mnt/with blank\"} 1",
            "node_filesystem_mount_info{device=\"/dev/sdb1\",major=\"8\",minor=\"1\",mountpoint=\"/mnt/with blank\"} 1",
            "node_filesystem_device_error{device=\"/dev/sdd1\",device_error=\"no such file or directory\",fstype=\"ext4\",\
             mountpoint=\"/gone\"} 1",
            "node_filesystem_device_error{device=\"/dev/sdc1\",device_error=\"no such file or directory\",fstype=\"xfs\",\
             mountpoint=\"/mnt/bad\u{fffd}\"} 1",
        ] {
            assert!(text.contains(&format!("\n{line}\n")), "{text}");
        }
        assert!(!text.contains("/dev\""), "{text}");
        assert!(!text.contains("size_bytes{device=\"/dev/sdd1\""), "{text}");
    }

    #[test]
    fn a_read_only_bind_of_the_hosts_root_makes_no_disk_read_only() {
        let line = b"22 1 254:0 / / rw,relatime - ext4 /dev/vda rw";
        let mount = parse(line).next().expect("a mount");
        let numbers = Space { size: 1, free: 1, available: 1, files: 1, files_free: 1, read_only: true };
        let answer = Answer::Space(numbers);
        let below = |path: &str| Wanted::new(&mount, "/".to_owned(), Path::new(path)).is_read_only(&answer);
        assert!(!below("/rootfs"), "the bind is read-only, the disk is not");
        assert!(below("/"));
    }

    #[test]
    fn only_the_topmost_mount_counts() {
        let root = FakeRoot::new();
        root.file(
            "proc/self/mountinfo",
            "22 1 0:1 / / rw - rootfs rootfs rw\n23 1 254:0 / / rw - ext4 /dev/vda rw\n\
             24 23 8:1 / /hidden rw - ext4 /dev/sda1 rw\n25 23 0:9 / /hidden rw - overlay overlay rw\n",
        );
        root.file("root/hidden/x", "");
        let text = collected(&root);
        assert!(!text.contains("rootfs\"") && !text.contains("hidden"), "{text}");
        assert_eq!(text.matches("mountpoint=\"/\"").count(), 8);
    }

    #[test]
    fn a_mount_made_later_is_seen() {
        let root = FakeRoot::new();
        root.file("proc/1/mountinfo", "22 1 254:0 / / rw - ext4 /dev/vda rw\n");
        let mut collector = Filesystem::new(&fake::host(&root), settings());
        collector.read_mounts().unwrap();
        assert_eq!(collector.wanted.len(), 1);
        root.file(
            "proc/1/mountinfo",
            "22 1 254:0 / / rw - ext4 /dev/vda rw\n23 22 8:1 / /new rw - xfs /dev/sdb1 rw\n",
        );
        collector.read_mounts().unwrap();
        assert_eq!(collector.wanted.len(), 2);
    }
}

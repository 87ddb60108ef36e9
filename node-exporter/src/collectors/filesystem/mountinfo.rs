//! `/proc/PID/mountinfo`: one line for each mount, with octal escapes in its paths.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use agent_core::read::{fields, lines, text};

/// A mount. Paths are bytes: the kernel does not promise text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mount<'a> {
    pub(super) major: &'a str,
    pub(super) minor: &'a str,
    pub(super) point: Cow<'a, [u8]>,
    pub(super) fs_type: &'a [u8],
    pub(super) source: Cow<'a, [u8]>,
    /// Whether the mount or its file system is read-only, or went so after an error.
    pub(super) read_only: bool,
}

/// All mounts, in the order in which they lie upon each other.
pub(super) fn parse(content: &[u8]) -> impl Iterator<Item = Mount<'_>> {
    lines(content).filter_map(parse_mount)
}

/// `36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue`
fn parse_mount(line: &[u8]) -> Option<Mount<'_>> {
    let mut fields = fields(line);
    let (major, minor) = text(fields.nth(2)?)?.split_once(':')?;
    let point = unescape(fields.nth(1)?);
    let options = fields.next()?;
    // Any number of optional fields, ended by a dash.
    fields.find(|field| *field == b"-")?;
    let fs_type = fields.next()?;
    let source = unescape(fields.next()?);
    let super_options = fields.next().unwrap_or_default();
    let read_only = [options, super_options].iter().any(|options| has(options, b"ro"))
        || has(super_options, b"emergency_ro");
    Some(Mount { major, minor, point, fs_type, source, read_only })
}

fn has(options: &[u8], option: &[u8]) -> bool {
    options.split(|byte| *byte == b',').any(|part| part == option)
}

/// Blanks, tabs, newlines, backslashes and `#` are written as a backslash and three octal digits.
pub(in crate::collectors) fn unescape(field: &[u8]) -> Cow<'_, [u8]> {
    if !field.contains(&b'\\') {
        return Cow::Borrowed(field);
    }
    let mut rest = field;
    let mut plain = Vec::with_capacity(field.len());
    while let Some((&byte, tail)) = rest.split_first() {
        if let (b'\\', [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', tail @ ..]) = (byte, tail) {
            plain.push((a - b'0') * 64 + (b - b'0') * 8 + (c - b'0'));
            rest = tail;
        } else {
            plain.push(byte);
            rest = tail;
        }
    }
    Cow::Owned(plain)
}

/// A mount point as the host has it: in our own view of the mounts, the host's are below `rootfs`.
pub(super) fn below_root(mount_point: &[u8], rootfs: &Path) -> PathBuf {
    let path = Path::new(OsStr::from_bytes(mount_point));
    match path.strip_prefix(rootfs) {
        Ok(rest) => Path::new("/").join(rest),
        Err(_) => path.to_owned(),
    }
}

/// Where a path of the host is found here.
pub(super) fn on_rootfs(path: &Path, rootfs: &Path) -> PathBuf {
    rootfs.join(path.strip_prefix("/").unwrap_or(path))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn optional_fields_may_be_many_or_none() {
        let text = b"36 35 98:0 /mnt1 /mnt2 rw,noatime - ext3 /dev/root rw\n\
                     37 35 0:40 / /a\\040b\\134 rw shared:1 master:2 unbindable - nfs4 host:/x\\011y rw,emergency_ro\n\
                     broken line\n";
        let mounts: Vec<_> = parse(text).collect();
        assert_eq!(mounts.len(), 2);
        assert_eq!((mounts[0].major, mounts[0].minor, mounts[0].read_only), ("98", "0", false));
        assert_eq!(&*mounts[1].point, b"/a b\\");
        assert_eq!(&*mounts[1].source, b"host:/x\ty");
        assert!(mounts[1].read_only);
    }

    #[test]
    fn the_roots_prefix_ends_at_a_folder() {
        let below = |path: &str, rootfs: &str| below_root(path.as_bytes(), Path::new(rootfs));
        assert_eq!(below("/rootfs", "/rootfs"), Path::new("/"));
        assert_eq!(below("/rootfs/var", "/rootfs"), Path::new("/var"));
        assert_eq!(below("/rootfs2", "/rootfs"), Path::new("/rootfs2"));
        assert_eq!(below("/var", "/"), Path::new("/var"));
        assert_eq!(on_rootfs(Path::new("/var"), Path::new("/rootfs")), Path::new("/rootfs/var"));
    }

    proptest! {
        #[test]
        fn nothing_panics(content: Vec<u8>, odd in "[0-9:/a \\\\\n-]{0,200}") {
            parse(&content).count();
            parse(odd.as_bytes()).count();
        }

        #[test]
        fn escapes_round_trip(path: Vec<u8>) {
            let escaped: Vec<u8> = path.iter().flat_map(|byte| format!("\\{byte:03o}").into_bytes()).collect();
            prop_assert_eq!(&*unescape(&escaped), path.as_slice());
        }
    }
}

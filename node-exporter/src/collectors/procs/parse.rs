//! Two files of each process: what it uses, and which container it is in.

use agent_core::read::{fields, lines, parse_u64, text};

/// The part of `/proc/PID/stat` that is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stat<'a> {
    /// The command, cut by the kernel to 15 bytes.
    pub(super) command: &'a [u8],
    /// User and system time in clock ticks.
    pub(super) ticks: u64,
    /// When it began; tells it from an earlier process with its number.
    pub(super) started: u64,
    /// Resident pages.
    pub(super) pages: u64,
}

/// `1 (systemd) S 0 1 …`; the command may hold blanks and parentheses itself.
pub(super) fn parse_stat(content: &[u8]) -> Option<Stat<'_>> {
    let open = content.iter().position(|byte| *byte == b'(')?;
    let close = content.iter().rposition(|byte| *byte == b')')?;
    let command = content.get(open + 1..close)?;
    // The first field behind the command is the third of the manual page.
    let mut rest = fields(content.get(close + 1..)?);
    let user = parse_u64(rest.nth(11)?)?;
    let system = parse_u64(rest.next()?)?;
    let started = parse_u64(rest.nth(6)?)?;
    let pages = parse_u64(rest.nth(1)?)?;
    Some(Stat { command, ticks: user.saturating_add(system), started, pages })
}

/// The container in `/proc/PID/cgroup`: the last 64 hexadecimal digits of a path, as Docker, containerd and podman name
/// their groups. `None` for a process of the host.
pub(super) fn parse_container(content: &[u8]) -> Option<&str> {
    lines(content).filter_map(|line| line.splitn(3, |byte| *byte == b':').nth(2)).find_map(|path| {
        path.rsplit(|byte| matches!(byte, b'/' | b'-' | b'.' | b':')).find_map(|part| {
            let is_id = part.len() == 64 && part.iter().all(u8::is_ascii_hexdigit);
            is_id.then(|| text(part)).flatten()
        })
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn commands_may_hold_anything() {
        let line = b"7 (a) (b c) S 1 7 7 0 -1 4194560 1 2 3 4 150 50 0 0 20 0 1 0 12345 1000000 250 18446744073709551615 1\n";
        let expected = Stat { command: b"a) (b c", ticks: 200, started: 12345, pages: 250 };
        assert_eq!(parse_stat(line), Some(expected));
        assert_eq!(parse_stat(b"7 (a"), None);
        assert_eq!(parse_stat(b"7 (a) S 1"), None);
    }

    #[test]
    fn containers_have_their_id_in_the_path() {
        let id = "0123456789abcdef".repeat(4);
        for path in [
            format!("0::/system.slice/docker-{id}.scope\n"),
            format!("0::/docker/{id}\n"),
            format!("0::/../{id}\n"),
            format!("0::/kubepods.slice/cri-containerd-{id}.scope/init\n"),
            format!("12:cpu,cpuacct:/docker/{id}\n11:memory:/\n"),
        ] {
            assert_eq!(parse_container(path.as_bytes()), Some(id.as_str()), "{path}");
        }
        assert_eq!(parse_container(b"0::/system.slice/ssh.service\n"), None);
        assert_eq!(parse_container(b""), None);
    }

    proptest! {
        #[test]
        fn nothing_panics(content: Vec<u8>, numbers in "[()0-9 ]{0,100}") {
            parse_stat(&content);
            parse_stat(format!("1 (x) S {numbers}").as_bytes());
            parse_container(&content);
        }

        #[test]
        fn values_round_trip(user in 0..u64::MAX / 2, system in 0..u64::MAX / 2, started: u64, pages: u64) {
            let line = format!("1 (x) S 0 0 0 0 0 0 0 0 0 0 {user} {system} 0 0 0 0 0 0 {started} 0 {pages} 0\n");
            let expected = Stat { command: b"x", ticks: user + system, started, pages };
            prop_assert_eq!(parse_stat(line.as_bytes()), Some(expected));
        }
    }
}

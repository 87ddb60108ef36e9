//! Whether the lines of this node's containers can be read, and stay long enough.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::time::Duration;

use agent_core::docker::Container as Inspected;
use agent_core::doctor::Finding;

use super::{FILES_UNREADABLE, ROTATION_SMALL, UNREADABLE};
use crate::config::Config;
use crate::container::Container;
use crate::time::parse_rfc3339;

/// How long a router may be away while it is updated or the engine restarts.
const AWAY: Duration = Duration::from_secs(300);
/// Fewer bytes say nothing of a rate.
const LEAST_BYTES: u64 = 64 * 1024;

/// `now` is in nanoseconds of Unix time.
pub(super) fn examine(config: &Config, containers: Vec<Inspected>, now: i64) -> Vec<Finding> {
    let mut findings = Vec::new();
    let (mut read, mut hidden) = (0_usize, 0_usize);
    for inspected in containers {
        let uncached = is_uncached(&inspected);
        let Some(container) = Container::from_inspect(inspected) else { continue };
        if config.exclusions.excludes(&container) {
            continue;
        }
        let driver = container.driver.as_str();
        if driver == "none" || uncached && !["json-file", "local", "journald"].contains(&driver) {
            findings.push(Finding::of(&UNREADABLE, format_args!("{} (log driver {driver})", container.name)));
            continue;
        }
        read += 1;
        if driver != "json-file" || container.log_path.is_empty() {
            continue;
        }
        match measure(&container, now) {
            Ok(Some(kept)) => findings.push(kept),
            Ok(None) => {}
            Err(_) => hidden += 1,
        }
    }
    if hidden > 0 {
        findings.push(Finding::of(&FILES_UNREADABLE, format_args!("those of {hidden} containers")));
    }
    findings.insert(0, Finding::good(format!("the lines of {read} containers can be read")));
    findings
}

fn is_uncached(inspected: &Inspected) -> bool {
    let log = inspected.host_config.as_ref().and_then(|host| host.log_config.as_ref());
    log.and_then(|log| log.config.as_ref()?.get("cache-disabled")).is_some_and(|value| value == "true")
}

/// A finding where what the files hold, at the rate at which it came, is soon more than they may hold.
fn measure(container: &Container, now: i64) -> io::Result<Option<Finding>> {
    let mut bytes = 0;
    let mut oldest = None;
    for index in 0..container.kept_files.unwrap_or(1) {
        let path =
            if index == 0 { container.log_path.clone() } else { format!("{}.{index}", container.log_path) };
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if index == 0 => return Err(error),
            // Not rotated so often yet, or compressed.
            Err(_) => break,
        };
        bytes += file.metadata()?.len();
        let mut first = Vec::new();
        BufReader::new(file).read_until(b'\n', &mut first)?;
        oldest = parse_time(&first).or(oldest);
    }
    let (Some(oldest), Some(budget)) = (oldest, container.log_budget) else { return Ok(None) };
    let age = Duration::from_nanos(u64::try_from(now.saturating_sub(oldest)).unwrap_or(0)).as_secs_f64();
    let rate = bytes as f64 / age.max(1.0);
    let lasts = budget as f64 / rate;
    let small = bytes >= LEAST_BYTES && lasts < AWAY.as_secs_f64();
    Ok(small.then(|| {
        let seen = format!("{}: {rate:.0} bytes/s fill its {budget} bytes in {lasts:.0} s", container.name);
        Finding::of(&ROTATION_SMALL, seen)
    }))
}

/// The time of a record, its last field; quotes in the line itself are escaped.
fn parse_time(record: &[u8]) -> Option<i64> {
    const KEY: &[u8] = b"\"time\":\"";
    let at = memchr::memmem::rfind(record, KEY)?;
    let rest = record.get(at + KEY.len()..)?;
    parse_rfc3339(rest.get(..memchr::memchr(b'"', rest)?)?)
}

#[cfg(test)]
mod tests {
    use agent_core::testing::FakeRoot;
    use proptest::prelude::*;

    use super::*;

    const SECOND: i64 = 1_000_000_000;

    #[test]
    fn the_rate_is_measured_over_what_is_kept() {
        let root = FakeRoot::new();
        let record = |second: u32, text: &str| {
            format!(
                "{{\"log\":\"{text}\\n\",\"stream\":\"stdout\",\"time\":\"1970-01-01T00:00:{second:02}.5Z\"}}\n"
            )
        };
        root.file("x.log.1", record(10, "\\\"time\\\":\\\"odd") + &record(11, &"a".repeat(100_000)));
        let path = root.file("x.log", record(19, "b"));
        let container = |budget| Container {
            name: "loud".to_owned(),
            log_path: path.display().to_string(),
            kept_files: Some(2),
            log_budget: Some(budget),
            ..Container::default()
        };
        let at = |budget, second: i64| measure(&container(budget), second * SECOND + SECOND / 2).unwrap();
        let found = at(200_000, 20).unwrap();
        assert_eq!(found.what, "rotation-small: loud: 10020 bytes/s fill its 200000 bytes in 20 s");
        assert_eq!(at(200_000, 10 + 100 * 60), None, "a hundred minutes");
        assert_eq!(at(20 << 20, 20), None, "a large log");
        let missing = Container { log_path: "/no/such".to_owned(), ..container(1) };
        measure(&missing, 0).unwrap_err();
    }

    proptest! {
        #[test]
        fn nothing_panics(record: Vec<u8>, odd in "(\"time\":\"|\"|1970-01-01T00:00:00Z|a)*") {
            parse_time(&record);
            parse_time(odd.as_bytes());
        }
    }
}

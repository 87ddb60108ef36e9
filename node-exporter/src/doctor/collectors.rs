//! Every collector, run once: what it gives, or why not.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use agent_core::collector::{CollectError, once};
use agent_core::doctor::Finding;
use agent_core::exposition::Format;

use super::{COLLECTOR_FAILED, COLLECTOR_PANICKED};
use crate::collectors::{Build, COLLECTORS};
use crate::host::{Host, Roots};

/// One finding for each collector that is on, and one for those that are off.
pub(super) fn examine(chosen: &[(&'static str, Build)], off: &[&str], host: &Host) -> Vec<Finding> {
    let mut findings: Vec<_> = chosen.iter().map(|(name, build)| examine_one(name, build, host)).collect();
    if !off.is_empty() {
        findings.push(Finding::note(format!("off: {}", off.join(", "))));
    }
    findings
}

fn examine_one(name: &str, build: &Build, host: &Host) -> Finding {
    let reads = COLLECTORS.iter().find(|spec| spec.name == name).map_or("", |spec| spec.reads);
    let reads = resolve(reads, &host.roots);
    let started = Instant::now();
    let outcome = catch_unwind(AssertUnwindSafe(|| once(Format::Text, build.make(host))));
    let milliseconds = started.elapsed().as_secs_f64() * 1000.0;
    match outcome {
        Ok((text, result)) => {
            let series = text.lines().filter(|line| !line.starts_with('#')).count();
            tell(name, series, milliseconds, &reads, result.err())
        }
        Err(_) => Finding::of(&COLLECTOR_PANICKED, name),
    }
}

/// The files of the table with the roots in place of their letters.
fn resolve(reads: &str, roots: &Roots) -> String {
    let root = |word: &str| {
        let (letter, path) = word.split_once('/').filter(|(letter, _)| letter.len() == 1)?;
        let root = match letter {
            "P" => &roots.procfs,
            "S" => &roots.sysfs,
            "R" => &roots.rootfs,
            "U" => &roots.udev_data,
            _ => return None,
        };
        Some(root.join(path).display().to_string())
    };
    let words: Vec<_> = reads.split(' ').map(|word| root(word).unwrap_or_else(|| word.to_owned())).collect();
    words.join(" ")
}

fn tell(name: &str, series: usize, milliseconds: f64, reads: &str, error: Option<CollectError>) -> Finding {
    match error {
        None => Finding::good(format!("{name}: {series} series in {milliseconds:.1} ms from {reads}")),
        Some(error @ CollectError::NoData(_)) => Finding::note(format!("{name}: {error}")),
        Some(error) => {
            let remedy = remedy(&error).unwrap_or_else(|| format!("--no-collector.{name} leaves it out"));
            Finding::of(&COLLECTOR_FAILED, format_args!("{name}: {error} ({series} series)")).with(remedy)
        }
    }
}

fn remedy(error: &CollectError) -> Option<String> {
    let CollectError::Io { path, source } = error else { return None };
    match source.kind() {
        std::io::ErrorKind::PermissionDenied => Some(format!(
            "let us read {}: run as root, give CAP_DAC_READ_SEARCH, or see what confines us above",
            path.display()
        )),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use agent_core::collector::Collector;
    use agent_core::doctor::Level;
    use agent_core::exposition::Exposition;
    use agent_core::testing::FakeRoot;

    use super::*;
    use crate::host::fake;

    struct Ends(Option<fn() -> CollectError>);
    impl Collector for Ends {
        fn collect(&mut self, out: &mut Exposition<'_>) -> Result<(), CollectError> {
            out.gauge("a", "A.", 1_u64);
            self.0.map_or(Ok(()), |make| Err(make()))
        }
    }

    #[test]
    fn each_outcome_is_told() {
        let denied = || CollectError::io("/sys/locked", io::Error::from(io::ErrorKind::PermissionDenied));
        let absent = || CollectError::io("/sys/absent", io::Error::from(io::ErrorKind::NotFound));
        let odd = || CollectError::parse("/proc/odd", 3, "expected a number");
        let outcomes: [Option<fn() -> CollectError>; 4] = [None, Some(absent), Some(denied), Some(odd)];
        let chosen: Vec<_> =
            outcomes.into_iter().map(|end| ("loadavg", Build::new(move |_| Ends(end)))).collect();
        let findings = examine(&chosen, &["perf"], &fake::host(&FakeRoot::new()));
        let levels: Vec<_> = findings.iter().map(|finding| finding.level).collect();
        assert_eq!(levels, [Level::Good, Level::Note, Level::Problem, Level::Problem, Level::Note]);
        assert!(findings[0].what.starts_with("loadavg: 1 series in "), "{findings:?}");
        assert!(findings[0].what.ends_with("/proc/loadavg"), "{findings:?}");
        assert!(findings[1].what.contains("not present here: /sys/absent"), "{findings:?}");
        assert!(findings[2].remedy.as_ref().unwrap().contains("/sys/locked"), "{findings:?}");
        assert!(findings[3].what.contains("/proc/odd:3: expected a number"), "{findings:?}");
        assert!(findings[4].what == "off: perf");
    }
}

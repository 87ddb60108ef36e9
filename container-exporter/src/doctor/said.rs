//! What follows from what the agents say: who cannot work, whose clock is off, where the disk is nearly full.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use agent_core::doctor::Finding;

use super::agents::{Answer, Metrics};
use super::causes::{AGENT_NOT_READY, AGENT_SILENT, AGENTS_NOT_ASKED, CLOCK_OFF, DISK_LOW};
use super::json::{some, text};
use super::swarm::Swarm;

/// What clocks may differ beside the time that the question took.
const SKEW: Duration = Duration::from_secs(1);
/// Elasticsearch puts no new index where less than 4 GB are free, as deploy/logs.yml sets it.
const LEAST_BYTES: f64 = 5e9;
const LEAST_RATIO: f64 = 0.05;

/// One finding for each thing that is wrong, and short lines for the rest.
///
/// `left_out` tasks were not asked for want of authorities.
pub(super) fn examine(swarm: &Swarm, answers: &[Answer], left_out: usize) -> Vec<Finding> {
    if !answers.iter().any(|answer| answer.ready.is_ok()) {
        let seen = match answers.first() {
            None if left_out > 0 => format!("{left_out} tasks answer by TLS: give --ca-file"),
            None => "no task of an agent has an address on the network".to_owned(),
            Some(Answer { address, ready, .. }) => {
                format!("{address}: {}", ready.as_ref().err().map_or("", String::as_str))
            }
        };
        return vec![Finding::of(&AGENTS_NOT_ASKED, seen)];
    }
    let root = text(&swarm.info, "/DockerRootDir");
    let mut findings = Vec::new();
    let mut ready = 0_usize;
    let mut clocks = Vec::new();
    for answer in answers {
        let who = format!("{} on {} ({})", answer.service, answer.node, answer.address);
        match &answer.ready {
            // One with users asks for more than we have, and so it answers.
            Ok((200 | 401 | 403, _)) => ready += 1,
            Ok((status, text)) => {
                let reason = text.split_whitespace().collect::<Vec<_>>().join(" ");
                findings.push(Finding::of(&AGENT_NOT_READY, format_args!("{who}: {status} {reason}")));
            }
            Err(error) => findings.push(Finding::of(&AGENT_SILENT, format_args!("{who}: {error}"))),
        }
        let Some(metrics) = &answer.metrics else { continue };
        match skew(metrics) {
            Some(seconds) => findings.push(Finding::of(
                &CLOCK_OFF,
                format_args!("{} is {:.1} s {}", answer.node, seconds.abs(), side(seconds)),
            )),
            None if value(&metrics.text, "node_time_seconds").is_some() => clocks.push(answer.node.as_str()),
            None => {}
        }
        if let Some(seen) = low_disk(&metrics.text, root) {
            findings.push(Finding::of(&DISK_LOW, format_args!("{}: {seen}", answer.node)));
        }
    }
    findings.insert(0, Finding::good(format!("{ready} of {} tasks are ready", answers.len())));
    if !clocks.is_empty() {
        findings.push(Finding::good(format!("clocks agree: {}", some(clocks.iter().copied()))));
    }
    findings
}

fn side(seconds: f64) -> &'static str {
    if seconds > 0.0 { "ahead" } else { "behind" }
}

/// How far the clock of an answer is from ours, in seconds; `None` where it is near enough or absent.
fn skew(metrics: &Metrics) -> Option<f64> {
    let theirs = value(&metrics.text, "node_time_seconds")?;
    let seconds = |time: SystemTime| time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
    let (before, after, skew) = (seconds(metrics.before), seconds(metrics.after), SKEW.as_secs_f64());
    if theirs > after + skew {
        Some(theirs - after)
    } else if theirs < before - skew {
        Some(theirs - before)
    } else {
        None
    }
}

/// The value of a series without labels.
fn value(metrics: &str, name: &str) -> Option<f64> {
    metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok())
}

/// The file system that holds a folder, if it is nearly full.
fn low_disk(metrics: &str, folder: &str) -> Option<String> {
    let of = |family: &'static str| {
        metrics.lines().filter_map(move |line| {
            let (labels, value) = line.strip_prefix(family)?.strip_prefix('{')?.rsplit_once("} ")?;
            let (_, rest) = labels.split_once("mountpoint=\"")?;
            Some((rest.split('"').next()?, value.parse::<f64>().ok()?))
        })
    };
    let holds = |mount: &str| {
        mount == "/"
            || folder == mount
            || folder.strip_prefix(mount).is_some_and(|rest| rest.starts_with('/'))
    };
    let sizes = of("node_filesystem_size_bytes").filter(|(mount, _)| holds(mount));
    let (mount, size) = sizes.max_by_key(|(mount, _)| mount.len())?;
    let (_, free) = of("node_filesystem_avail_bytes").find(|(other, _)| *other == mount)?;
    (free < LEAST_BYTES || free < size * LEAST_RATIO)
        .then(|| format!("{folder} on {mount} has {:.1} GB of {:.1} GB left", free / 1e9, size / 1e9))
}

#[cfg(test)]
mod tests {
    use agent_core::doctor::Level;
    use serde_json::json;

    use super::*;

    fn metrics(time: f64, free: f64) -> Metrics {
        let now = UNIX_EPOCH + Duration::from_secs(1_000_000);
        let text = format!(
            "node_time_seconds {time}\n\
             node_filesystem_size_bytes{{device=\"a\",fstype=\"ext4\",mountpoint=\"/\"}} 1e+12\n\
             node_filesystem_size_bytes{{device=\"b\",fstype=\"ext4\",mountpoint=\"/var/lib\"}} 1e+11\n\
             node_filesystem_avail_bytes{{device=\"a\",fstype=\"ext4\",mountpoint=\"/\"}} 1\n\
             node_filesystem_avail_bytes{{device=\"b\",fstype=\"ext4\",mountpoint=\"/var/lib\"}} {free}\n"
        );
        Metrics { before: now, after: now + Duration::from_millis(30), text }
    }

    fn answer(ready: Result<(u16, &str), &str>, metrics: Option<Metrics>) -> Answer {
        Answer {
            service: "mon_node-exporter".to_owned(),
            node: "n1".to_owned(),
            address: "10.0.0.2:9100".to_owned(),
            ready: ready.map(|(status, text)| (status, text.to_owned())).map_err(str::to_owned),
            metrics,
        }
    }

    fn seen(answers: &[Answer]) -> Vec<String> {
        let swarm = Swarm { info: json!({"DockerRootDir": "/var/lib/docker"}), ..Swarm::default() };
        let findings = examine(&swarm, answers, 0).into_iter();
        findings.filter(|f| f.level != Level::Good).map(|f| f.what).collect()
    }

    #[test]
    fn all_is_well() {
        assert_eq!(seen(&[answer(Ok((200, "ready")), Some(metrics(1_000_000.9, 5e10)))]), [""; 0]);
    }

    #[test]
    fn an_agent_that_cannot_work_tells_why() {
        let answers = [
            answer(Ok((200, "")), None),
            answer(Ok((503, "docker: permission\ndenied\n")), None),
            answer(Err("refused"), None),
        ];
        assert_eq!(
            seen(&answers),
            [
                "agent-not-ready: mon_node-exporter on n1 (10.0.0.2:9100): 503 docker: permission denied",
                "agent-silent: mon_node-exporter on n1 (10.0.0.2:9100): refused",
            ]
        );
    }

    #[test]
    fn nobody_to_ask_is_told_once() {
        assert_eq!(seen(&[answer(Err("no route"), None)]), ["agents-not-asked: 10.0.0.2:9100: no route"]);
        assert_eq!(seen(&[]), ["agents-not-asked: no task of an agent has an address on the network"]);
        let tls = examine(&Swarm::default(), &[], 2);
        assert_eq!(tls[0].what, "agents-not-asked: 2 tasks answer by TLS: give --ca-file");
    }

    #[test]
    fn a_clock_that_is_off() {
        let at = |time| seen(&[answer(Ok((200, "")), Some(metrics(time, 5e10)))]);
        assert_eq!(at(1_000_003.53), ["clock-off: n1 is 3.5 s ahead"]);
        assert_eq!(at(999_940.0), ["clock-off: n1 is 60.0 s behind"]);
        assert_eq!(at(999_999.5), [""; 0]);
    }

    #[test]
    fn a_disk_that_is_nearly_full() {
        let at = |free| seen(&[answer(Ok((200, "")), Some(metrics(1_000_000.0, free)))]);
        assert_eq!(at(4.2e9), ["disk-low: n1: /var/lib/docker on /var/lib has 4.2 GB of 100.0 GB left"]);
        assert_eq!(at(6e9), [""; 0]);
    }
}

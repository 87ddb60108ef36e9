//! The same container gives the same figures by both sources.

use std::fs;

use crate::recording::Recording;
use agent_core::docker::bollard::models::ContainerStatsResponse;
use container_exporter::container::Container;
use container_exporter::sample::{BlockIo, Cpu, Interface, Memory, Processes, Throttling, Traffic};
use container_exporter::source::Source;
use container_exporter::source::stats::parse::{StatsSample, parse_stats};

fn answer(recording: &Recording, name: &str) -> ContainerStatsResponse {
    let path = recording.folder.join(format!("stats/{name}.json"));
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// What the files say, less what Docker's statistics do not have.
fn files(recording: &Recording, container: &Container, v2: bool) -> StatsSample {
    let mut source = recording.cgroup();
    let without_errors = |traffic| Traffic { errors: None, ..traffic };
    StatsSample {
        cpu: source.cpu(container).map(|cpu| Cpu {
            throttling: cpu.throttling.map(|t| Throttling { burst_periods: None, burst_nanos: None, ..t }),
            ..cpu
        }),
        percpu: source.percpu(container),
        memory: source.memory(container).map(|memory| Memory {
            swap: None,
            kernel: None,
            events_high: None,
            events_max: None,
            refault_file: None,
            refault_anon: None,
            max_usage: memory.max_usage.filter(|_| !v2),
            failcnt: memory.failcnt.filter(|_| !v2),
            ..memory
        }),
        interfaces: source
            .interfaces(container)
            .into_iter()
            .map(|i| Interface {
                receive: without_errors(i.receive),
                transmit: without_errors(i.transmit),
                ..i
            })
            .collect(),
        block_io: source
            .block_io(container)
            .into_iter()
            .map(|device| BlockIo { reads: None, writes: None, ..device })
            .collect(),
        processes: source.processes(container).map(|p| Processes { processes: None, ..p }),
    }
}

#[test]
fn version_2_agrees_exactly_on_a_paused_container() {
    let recording = Recording::new("v2");
    let container = recording.container("paused");
    let mut stats = parse_stats(&answer(&recording, "paused")).unwrap();
    // Throttling is exported with a quota only; the engine always gives it.
    stats.cpu = stats.cpu.map(|cpu| Cpu { throttling: None, ..cpu });
    assert_eq!(files(&recording, &container, true), stats);
}

#[test]
fn version_1_agrees_on_a_sleeping_container() {
    let recording = Recording::new("v1");
    let container = recording.container("limited");
    let stats = parse_stats(&answer(&recording, "limited")).unwrap();
    assert_eq!(files(&recording, &container, false), stats);
    assert!(stats.cpu.unwrap().throttling.unwrap().throttled_periods > 0);
}

#[test]
fn zeros_of_stopped_containers_are_no_sample() {
    assert_eq!(parse_stats(&answer(&Recording::new("v2"), "exit3")), None);
    assert_eq!(parse_stats(&ContainerStatsResponse::default()), None);
}

//! `services`: what is wanted of each service, what runs of it, and what it reserves. From `GET /services?status=true`.

use std::sync::Arc;

use agent_core::collector::{CollectError, Collector};
use agent_core::docker::bollard::models::{Limit, ResourceObject, Service};
use agent_core::exposition::{Exposition, Kind, LabelBlock, Value};
use tokio::runtime::Handle;

use super::figure::{Figure, cpus, set, write};
use super::manager::Manager;
use crate::container::parse_time;

/// As container metrics carry a service's name, for joins.
const NAME_LABEL: &str = "container_label_com_docker_swarm_service_name";
/// As container metrics carry a stack's name.
const STACK_LABEL: &str = "container_label_com_docker_stack_namespace";
const STACK: &str = "com.docker.stack.namespace";

const INFO: (&str, &str) =
    ("swarm_cluster_service_info", "A service of the Swarm: its ID, mode and image; always 1.");

const UPDATE: (&str, &str) = (
    "swarm_cluster_service_update_state",
    "What became of the latest update or rollback of a service; 1 with that state, absent without any.",
);

const FIGURES: &[Figure<Service>] = &[
    Figure {
        name: "swarm_cluster_service_desired_tasks",
        help: "Tasks of the service that are meant to run.",
        value: |service| service.service_status.as_ref()?.desired_tasks.map(Value::from),
    },
    Figure {
        name: "swarm_cluster_service_running_tasks",
        help: "Tasks of the service that run.",
        value: |service| service.service_status.as_ref()?.running_tasks.map(Value::from),
    },
    Figure {
        name: "swarm_cluster_service_completed_tasks",
        help: "Tasks of a job that ended well.",
        value: |service| {
            let mode = service.spec.as_ref()?.mode.as_ref()?;
            (mode.replicated_job.is_some() || mode.global_job.is_some())
                .then(|| service.service_status.as_ref()?.completed_tasks.map(Value::from))?
        },
    },
    Figure {
        name: "swarm_cluster_service_update_start_time_seconds",
        help: "Unix time at which the latest update or rollback of a service began; absent without any.",
        value: |service| {
            let began = service.update_status.as_ref()?.started_at.as_deref()?;
            parse_time(began).map(|nanos| Value::from(nanos as f64 / 1e9))
        },
    },
    Figure {
        name: "swarm_cluster_service_task_cpu_limit",
        help: "CPUs that one task of the service may use; absent without a limit.",
        value: |service| cpus(limits(service)?.nano_cpus),
    },
    Figure {
        name: "swarm_cluster_service_task_cpu_reservation",
        help: "CPUs that are set aside on a node for one task of the service.",
        value: |service| cpus(reservations(service)?.nano_cpus),
    },
    Figure {
        name: "swarm_cluster_service_task_memory_limit_bytes",
        help: "Memory that one task of the service may use; absent without a limit.",
        value: |service| set(limits(service)?.memory_bytes).map(Value::from),
    },
    Figure {
        name: "swarm_cluster_service_task_memory_reservation_bytes",
        help: "Memory that is set aside on a node for one task of the service.",
        value: |service| set(reservations(service)?.memory_bytes).map(Value::from),
    },
    Figure {
        name: "swarm_cluster_service_task_pids_limit",
        help: "Processes and threads that one task of the service may have; absent without a limit.",
        value: |service| set(limits(service)?.pids).map(Value::from),
    },
];

fn limits(service: &Service) -> Option<&Limit> {
    service.spec.as_ref()?.task_template.as_ref()?.resources.as_ref()?.limits.as_ref()
}

fn reservations(service: &Service) -> Option<&ResourceObject> {
    service.spec.as_ref()?.task_template.as_ref()?.resources.as_ref()?.reservations.as_ref()
}

pub(super) fn families() -> impl Iterator<Item = (&'static str, &'static str)> {
    [INFO, UPDATE].into_iter().chain(FIGURES.iter().map(|figure| (figure.name, figure.help)))
}

struct Services {
    runtime: Handle,
    manager: Arc<Manager>,
}

pub(super) fn build(runtime: &Handle, manager: &Arc<Manager>) -> Box<dyn Collector> {
    Box::new(Services { runtime: runtime.clone(), manager: Arc::clone(manager) })
}

impl Collector for Services {
    fn collect(&mut self, out: &mut Exposition<'_>) -> Result<(), CollectError> {
        let services = self.runtime.block_on(self.manager.services());
        expose(out, services.map_err(|error| CollectError::Other(error.to_string()))?);
        Ok(())
    }
}

/// Writes all families, in the order of the services' names.
fn expose(out: &mut Exposition<'_>, mut services: Vec<Service>) {
    services.sort_by(|a, b| name(a).cmp(name(b)));
    let things: Vec<_> = services.into_iter().map(|service| (labels(&service), service)).collect();
    let mut info = out.family(INFO.0, INFO.1, Kind::Gauge);
    for (labels, service) in &things {
        let own = [
            ("service_id", service.id.as_deref().unwrap_or_default()),
            ("service_name", name(service)),
            ("mode", mode(service)),
            ("image", image(service)),
        ];
        info.sample_in(labels, &own, 1_u64);
    }
    let mut update = out.family(UPDATE.0, UPDATE.1, Kind::Gauge);
    for (labels, service) in &things {
        let state = service.update_status.as_ref().and_then(|status| status.state).map(|s| s.to_string());
        if let Some(state) = state.filter(|state| !state.is_empty()) {
            update.sample_in(labels, &[("state", &state)], 1_u64);
        }
    }
    write(out, FIGURES, &things);
}

fn labels(service: &Service) -> LabelBlock {
    let stack = service.spec.as_ref().and_then(|spec| spec.labels.as_ref()?.get(STACK));
    let mut pairs = vec![(NAME_LABEL, name(service))];
    pairs.extend(stack.map(|stack| (STACK_LABEL, stack.as_str())));
    LabelBlock::new(&pairs)
}

pub(super) fn name(service: &Service) -> &str {
    service.spec.as_ref().and_then(|spec| spec.name.as_deref()).unwrap_or_default()
}

/// The image as the service was given it.
pub(super) fn image(service: &Service) -> &str {
    let template = service.spec.as_ref().and_then(|spec| spec.task_template.as_ref());
    template.and_then(|template| template.container_spec.as_ref()?.image.as_deref()).unwrap_or_default()
}

/// As `docker service ls` names it.
pub(super) fn mode(service: &Service) -> &'static str {
    match service.spec.as_ref().and_then(|spec| spec.mode.as_ref()) {
        Some(mode) if mode.global.is_some() => "global",
        Some(mode) if mode.replicated_job.is_some() => "replicated-job",
        Some(mode) if mode.global_job.is_some() => "global-job",
        Some(mode) if mode.replicated.is_some() => "replicated",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use agent_core::collector::once;
    use agent_core::exposition::Format;
    use serde_json::{from_value, json};

    use super::*;

    struct Fixed(Vec<Service>);

    impl Collector for Fixed {
        fn collect(&mut self, out: &mut Exposition<'_>) -> Result<(), CollectError> {
            expose(out, self.0.clone());
            Ok(())
        }
    }

    #[test]
    fn wanted_running_and_reserved() {
        let services = from_value(json!([
            {
                "ID": "s1",
                "Spec": {
                    "Name": "shop_web", "Labels": {"com.docker.stack.namespace": "shop"},
                    "Mode": {"Replicated": {"Replicas": 3}},
                    "TaskTemplate": {
                        "ContainerSpec": {"Image": "web:1@sha256:ab"},
                        "Resources": {
                            "Limits": {"NanoCPUs": 500_000_000, "MemoryBytes": 1000, "Pids": 64},
                            "Reservations": {"MemoryBytes": 600},
                        },
                    },
                },
                "UpdateStatus": {"State": "rollback_completed", "StartedAt": "2026-11-29T06:30:00.5Z"},
                "ServiceStatus": {"RunningTasks": 2, "DesiredTasks": 3, "CompletedTasks": 0},
            },
            {"ID": "s2", "Spec": {"Name": "agent", "Mode": {"Global": {}}}, "ServiceStatus": {"RunningTasks": 0, "DesiredTasks": 0}},
            {"ID": "s3", "Spec": {"Name": "job", "Mode": {"GlobalJob": {}}}, "ServiceStatus": {"RunningTasks": 0, "DesiredTasks": 1, "CompletedTasks": 4}},
        ]))
        .unwrap();
        let (text, result) = once(Format::Text, Box::new(Fixed(services)));
        result.unwrap();
        let shop = "container_label_com_docker_swarm_service_name=\"shop_web\",container_label_com_docker_stack_namespace=\"shop\"";
        let agent = "container_label_com_docker_swarm_service_name=\"agent\"";
        for line in [
            format!(
                "info{{{shop},service_id=\"s1\",service_name=\"shop_web\",mode=\"replicated\",image=\"web:1@sha256:ab\"}} 1"
            ),
            format!("update_state{{{shop},state=\"rollback_completed\"}} 1"),
            format!("update_start_time_seconds{{{shop}}} 1795933800.5"),
            format!("desired_tasks{{{shop}}} 3"),
            format!("running_tasks{{{shop}}} 2"),
            format!("desired_tasks{{{agent}}} 0"),
            format!("task_cpu_limit{{{shop}}} 0.5"),
            format!("task_memory_limit_bytes{{{shop}}} 1000"),
            format!("task_memory_reservation_bytes{{{shop}}} 600"),
            format!("task_pids_limit{{{shop}}} 64"),
            "completed_tasks{container_label_com_docker_swarm_service_name=\"job\"} 4".to_owned(),
        ] {
            assert!(text.contains(&format!("\nswarm_cluster_service_{line}\n")), "{line}\n{text}");
        }
        for absent in [
            "task_cpu_reservation{",
            &format!("completed_tasks{{{shop}"),
            &format!("update_state{{{agent}"),
            &format!("update_start_time_seconds{{{agent}"),
        ] {
            assert!(!text.contains(absent), "{absent}\n{text}");
        }
    }
}

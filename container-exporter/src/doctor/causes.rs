//! Everything that can be wrong, in one table: `docs/doctor.md` is checked against it.

use agent_core::doctor::{Cause, Level};

/// Declares the causes and the list of all of them.
macro_rules! causes {
    ($($name:ident $level:ident $id:literal $wrong:literal $remedy:literal)*) => {
        $(pub(super) const $name: Cause =
            Cause { id: $id, level: Level::$level, wrong: $wrong, remedy: $remedy };)*
        /// All of them, in the order of the document.
        pub const CAUSES: &[Cause] = &[$($name),*];
    };
}

causes! {
    ENGINE_UNREACHABLE Problem "engine-unreachable"
        "The Docker Engine does not answer."
        "mount its socket and run as its owner (user 0:0), or give its address by --docker"
    NOT_A_MANAGER Problem "not-a-manager"
        "This engine is no manager of a Swarm, so most cannot be seen from here."
        "run this on a manager (docker node ls), or docker swarm init"
    ENGINE_OLD Problem "engine-old"
        "A node's engine is older than 20.10, the oldest that the stack is tried with."
        "upgrade Docker on that node"
    NODE_DOWN Problem "node-down"
        "The managers do not hear from a node."
        "start the machine or its engine; docker node rm NODE if it is gone for good"
    MANAGER_UNREACHABLE Problem "manager-unreachable"
        "A manager is not reached by the others: one more and the Swarm cannot change anything."
        "start its engine and check ports 2377/tcp, 7946/tcp+udp; docker node demote NODE if it is gone for good"
    NODE_DRAINED Note "node-drained"
        "A node takes no tasks, so neither agents run on it."
        "docker node update --availability active NODE when it is to work again"
    NETWORK_MISSING Problem "network-missing"
        "The overlay network of the stack is not there."
        "name the network of the agents by --network, or run make up"
    OVERLAY_FULL Problem "overlay-full"
        "The tasks of the Swarm need almost all addresses of the overlay network, or more; tasks without one never start."
        "make up with another NETWORK and a larger SUBNET, for example 10.99.0.0/16: a network cannot grow"
    AGENT_ABSENT Problem "agent-absent"
        "There is no service of an agent."
        "deploy it: make up, or docker stack deploy -c deploy/agents.yml swarmscope"
    ROUTER_ABSENT Note "router-absent"
        "There is no service of log-router, so no lines are shipped."
        "add the part logs to STACKS if lines are wanted"
    AGENT_MISSING Problem "agent-missing"
        "An agent does not run on a node that takes tasks, or a service has fewer tasks than it should."
        "do what the reason says; docker service ps --no-trunc SERVICE and docker service logs SERVICE tell more"
    AGENT_MOUNTS Problem "agent-mounts"
        "A service of an agent lacks a mount that the agent reads from."
        "add the bind as deploy/agents.yml or deploy/logs.yml has it"
    AGENT_RIGHTS Note "agent-rights"
        "A service of an agent has more rights than it needs."
        "set read_only: true and cap_drop: [ALL] as deploy/agents.yml has it"
    AGENT_SILENT Problem "agent-silent"
        "A task of an agent does not answer over the network of the stack."
        "docker service logs SERVICE; between nodes open 7946/tcp+udp and 4789/udp, and 50/ip where the network is encrypted"
    AGENTS_NOT_ASKED Note "agents-not-asked"
        "No agent can be reached from here, so clocks and disks are not compared."
        "run the doctor on the network of the agents: make doctor, or docker run --network swarmscope"
    AGENT_NOT_READY Problem "agent-not-ready"
        "An agent runs but cannot do its work: the engine or a sink refuses it, a mount or a right is missing."
        "do what the reason says"
    CLOCK_OFF Problem "clock-off"
        "The clock of a node differs from this node's by more than a second, so its lines and series are misplaced in time."
        "run a time service (chrony, systemd-timesyncd) on every node: chronyc tracking, timedatectl"
    DISK_LOW Problem "disk-low"
        "The file system with Docker's data has less than 5 GB or 5 % left: below 4 GB Elasticsearch takes no new index, and Prometheus stops with the last byte."
        "docker system prune on that node, a shorter PROMETHEUS_RETENTION or --elasticsearch.retention, or a larger disk"
    DRIVER_UNREADABLE Problem "driver-unreadable"
        "The log driver of a service or container keeps nothing that can be read, so log-router has no line of it."
        "use json-file or local, or remove cache-disabled from the driver's options"
    LOG_UNBOUNDED Note "log-unbounded"
        "The json-file log of a container is never rotated and fills the disk."
        "set max-size and max-file for the service, or for all in /etc/docker/daemon.json (log-opts)"
    NOT_ASKED Note "not-asked"
        "A server is not asked because its address is not given."
        "give --prometheus.url and --alertmanager.url, with --password-file where they ask for a user"
    PROMETHEUS_UNREACHABLE Problem "prometheus-unreachable"
        "Prometheus does not answer, or not with what it should."
        "docker service ps swarmscope_prometheus; 401: --username and --password-file"
    TARGET_DOWN Problem "target-down"
        "Prometheus cannot scrape a target."
        "do what the reason says: no such host or no route is the network, refused is the agent, deadline exceeded is load, 401 the password"
    JOB_EMPTY Note "job-empty"
        "A job of Prometheus has no target."
        "right if that part is not deployed; else the service has another name than tasks.SERVICE in prometheus.yml, or is not on Prometheus' network"
    RULE_FAILING Problem "rule-failing"
        "A rule cannot be evaluated, so its alert never fires."
        "do what the reason says, then promtool check rules and promtool test rules"
    NO_ALERTMANAGER Problem "no-alertmanager"
        "Prometheus knows no Alertmanager, so no alert leaves it."
        "check alerting in prometheus.yml and docker service ps swarmscope_alertmanager"
    ALERTMANAGER_UNREACHABLE Problem "alertmanager-unreachable"
        "Alertmanager does not answer, or not with what it should."
        "docker service ps swarmscope_alertmanager; 401: --username and --password-file"
    NO_RECEIVER Problem "no-receiver"
        "Alerts go to a receiver that tells nobody."
        "name a receiver in deploy/alertmanager/alertmanager.yml and run make up"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_has_every_cause() {
        let document = include_str!("../../../docs/doctor.md");
        let table = agent_core::doctor::table(CAUSES);
        assert!(document.contains(&table), "docs/doctor.md needs these rows:\n{table}");
    }

    #[test]
    fn causes_have_names_of_their_own() {
        for (index, cause) in CAUSES.iter().enumerate() {
            assert!(CAUSES.iter().skip(index + 1).all(|other| other.id != cause.id), "{cause:?}");
            assert!(!cause.remedy.contains('\n') && !cause.wrong.contains('|'), "{cause:?}");
        }
    }
}

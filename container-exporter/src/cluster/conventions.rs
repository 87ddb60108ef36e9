//! The labels by which a service asks to be scraped, and the agents, which need none.

use std::collections::HashMap;

/// What a label can say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Key {
    /// `false` takes the service out.
    Scrape,
    Port,
    Path,
    Scheme,
    Network,
    Job,
    Interval,
    Timeout,
}

/// The names of each label; the first that a service has holds. `com.df.*` are Docker Flow Monitor's.
pub(super) const LABELS: &[(Key, &[&str])] = &[
    (Key::Scrape, &["prometheus.scrape", "io.prometheus.enabled"]),
    (Key::Port, &["prometheus.port", "com.df.scrapePort", "io.prometheus.scrape_port"]),
    (Key::Path, &["prometheus.path", "com.df.metricsPath", "io.prometheus.scrape_path"]),
    (Key::Scheme, &["prometheus.scheme", "io.prometheus.scrape_scheme"]),
    (Key::Network, &["prometheus.network", "com.df.scrapeNetwork"]),
    (Key::Job, &["prometheus.job", "io.prometheus.job_name", "prometheus-job"]),
    (Key::Interval, &["prometheus.interval", "com.df.scrapeInterval"]),
    (Key::Timeout, &["prometheus.timeout", "com.df.scrapeTimeout"]),
];

/// An agent by its image, with the job that dashboards know and the port it listens on by itself.
const AGENTS: [(&str, &str, u16); 3] = [
    ("node-exporter", "node", 9100),
    ("container-exporter", "cadvisor", 8080),
    ("log-router", "log-router", 80),
];

/// What the cluster view itself is called as a job.
pub(crate) const CLUSTER_JOB: &str = "swarm-cluster";

/// The value of a label under any of its names.
pub(crate) fn get(labels: Option<&HashMap<String, String>>, key: Key) -> Option<&str> {
    let (_, names) = LABELS.iter().find(|(known, _)| *known == key)?;
    names.iter().find_map(|name| labels?.get(*name)).map(String::as_str).filter(|value| !value.is_empty())
}

/// Job and port of an agent; its first argument tells what container-exporter is.
pub(crate) fn agent(image: &str, first_argument: Option<&str>) -> Option<(&'static str, u16)> {
    let name = image.split('@').next()?.rsplit('/').next()?.split(':').next()?;
    let (_, job, port) = AGENTS.into_iter().find(|(agent, ..)| *agent == name)?;
    match (name, first_argument) {
        ("container-exporter", Some("cluster")) => Some((CLUSTER_JOB, port)),
        ("container-exporter", Some("socket-proxy")) => Some(("socket-proxy", port)),
        _ => Some((job, port)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agents_are_known_by_their_images() {
        assert_eq!(agent("registry.example:5000/a/node-exporter:1@sha256:ab", None), Some(("node", 9100)));
        assert_eq!(agent("container-exporter", Some("--docker=x")), Some(("cadvisor", 8080)));
        assert_eq!(agent("swarmscope/container-exporter:1", Some("cluster")), Some((CLUSTER_JOB, 8080)));
        assert_eq!(agent("my-node-exporter:1", None), None);
    }

    #[test]
    fn the_first_name_holds() {
        let labels = [("com.df.scrapePort", "1"), ("prometheus.port", "2"), ("prometheus.path", "")];
        let labels = labels.into_iter().map(|(k, v)| (k.to_owned(), v.to_owned())).collect();
        assert_eq!(get(Some(&labels), Key::Port), Some("2"));
        assert_eq!(get(Some(&labels), Key::Path), None);
        assert_eq!(get(None, Key::Port), None);
    }
}

//! Which labels of a container become labels of its series, and under which names.

use std::collections::HashMap;

use agent_core::exposition::LabelBlock;

/// What tells a Swarm task, its stack or a Compose service; exported unless the user says otherwise.
pub const DEFAULT_LABELS: [&str; 10] = [
    "com.docker.swarm.node.id",
    "com.docker.swarm.service.id",
    "com.docker.swarm.service.name",
    "com.docker.swarm.task",
    "com.docker.swarm.task.id",
    "com.docker.swarm.task.name",
    "com.docker.stack.namespace",
    "com.docker.compose.project",
    "com.docker.compose.service",
    "com.docker.compose.container-number",
];

/// Which container labels are exported.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LabelRules {
    mode: Mode,
    /// Keys beside the mode's own; a `*` at the end stands for anything.
    listed: Vec<String>,
    /// Beginnings of names of environment variables.
    environment: Vec<String>,
    /// Whether `@sha256:...` is cut off images.
    strip_digest: bool,
}

/// `--store_container_labels`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Mode {
    /// Not given: [`DEFAULT_LABELS`].
    #[default]
    Default,
    /// `true`: all of them.
    All,
    /// `false`: only those that are listed.
    Listed,
}

impl LabelRules {
    /// `listed` are the keys of `--whitelisted_container_labels`.
    pub fn new(mode: Mode, listed: Vec<String>) -> Self {
        Self { mode, listed, ..Self::default() }
    }

    /// Exports environment variables whose names begin with one of these.
    #[must_use]
    pub fn with_environment(self, environment: Vec<String>) -> Self {
        Self { environment, ..self }
    }

    /// Whether the digest is cut off the label `image`.
    #[must_use]
    pub fn with_digest_stripped(self, strip_digest: bool) -> Self {
        Self { strip_digest, ..self }
    }

    /// The label `image`.
    pub fn image<'i>(&self, image: &'i str) -> &'i str {
        match image.split_once('@') {
            Some((name, _)) if self.strip_digest => name,
            _ => image,
        }
    }

    /// The exported environment variables (`NAME=value`), as cAdvisor names them.
    pub fn select_environment(&self, environment: &[String]) -> Vec<(String, String)> {
        let mut pairs: Vec<_> = environment
            .iter()
            .filter_map(|pair| pair.split_once('='))
            .filter(|(name, value)| !value.is_empty() && self.environment.iter().any(|p| name.starts_with(p)))
            .collect();
        pairs.sort_unstable();
        first_of_each(pairs.into_iter().map(|(name, value)| (renamed("container_env_", name), value)))
    }

    /// The exported labels, keys already as label names, in a fixed order. Where two keys become the same name, the
    /// first in the order of the keys wins, every time. Empty values are left out: to Prometheus they are absent.
    pub fn select(&self, labels: Option<&HashMap<String, String>>) -> Vec<(String, String)> {
        let mut pairs: Vec<_> = labels
            .into_iter()
            .flatten()
            .filter(|(key, value)| !value.is_empty() && self.takes(key))
            .collect();
        pairs.sort_unstable();
        first_of_each(pairs.into_iter().map(|(key, value)| (label_name(key), value.as_str())))
    }

    fn takes(&self, key: &str) -> bool {
        match self.mode {
            Mode::All => true,
            Mode::Default if DEFAULT_LABELS.contains(&key) => true,
            Mode::Default | Mode::Listed => self.listed.iter().any(|listed| match listed.strip_suffix('*') {
                Some(beginning) => key.starts_with(beginning),
                None => listed == key,
            }),
        }
    }

    /// Renders what all series of a container carry.
    pub fn render(&self, id: &str, name: &str, image: &str, exported: &[(String, String)]) -> LabelBlock {
        let id = format!("/docker/{id}");
        let mut pairs = vec![("id", id.as_str()), ("image", image), ("name", name)];
        pairs.extend(exported.iter().map(|(key, value)| (key.as_str(), value.as_str())));
        pairs.retain(|(_, value)| !value.is_empty());
        LabelBlock::new(&pairs)
    }
}

/// cAdvisor's name for a container label: what Prometheus does not allow becomes `_`.
pub fn label_name(key: &str) -> String {
    renamed("container_label_", key)
}

fn renamed(beginning: &str, key: &str) -> String {
    let clean = key.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' });
    beginning.chars().chain(clean).collect()
}

fn first_of_each<'v>(pairs: impl Iterator<Item = (String, &'v str)>) -> Vec<(String, String)> {
    let mut selected: Vec<(String, String)> = Vec::new();
    for (name, value) in pairs {
        if !selected.iter().any(|(taken, _)| *taken == name) {
            selected.push((name, value.to_owned()));
        }
    }
    selected
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn labels(pairs: &[(&str, &str)]) -> HashMap<String, String> {
        pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
    }

    fn names(rules: &LabelRules, pairs: &[(&str, &str)]) -> Vec<String> {
        rules.select(Some(&labels(pairs))).into_iter().map(|(k, v)| format!("{k}={v}")).collect()
    }

    #[test]
    fn swarm_labels_by_default_and_others_by_list() {
        let given = [("com.docker.swarm.service.name", "web"), ("com.docker.swarm.task", ""), ("x.y-z", "1")];
        let default = LabelRules::default();
        assert_eq!(names(&default, &given), ["container_label_com_docker_swarm_service_name=web"]);
        let more = LabelRules::new(Mode::Default, vec!["x.y-z".to_owned()]);
        assert_eq!(names(&more, &given).len(), 2);
        let listed = LabelRules::new(Mode::Listed, vec!["x.y-z".to_owned()]);
        assert_eq!(names(&listed, &given), ["container_label_x_y_z=1"]);
        assert_eq!(names(&LabelRules::new(Mode::Listed, Vec::new()), &given), [""; 0]);
        let glob = LabelRules::new(Mode::Listed, vec!["com.docker.*".to_owned()]);
        assert_eq!(names(&glob, &given), ["container_label_com_docker_swarm_service_name=web"]);
    }

    #[test]
    fn images_and_environment() {
        let rules = LabelRules::default();
        assert_eq!(rules.image("web:1@sha256:ab"), "web:1@sha256:ab");
        let environment = ["LAB_MODE=plain", "LAB.MODE=second", "PASSWORD=x"].map(str::to_owned);
        assert_eq!(rules.select_environment(&environment), []);
        let rules = rules.with_digest_stripped(true).with_environment(vec!["LAB".to_owned()]);
        assert_eq!(rules.image("web:1@sha256:ab"), "web:1");
        let expected = [("container_env_LAB_MODE".to_owned(), "second".to_owned())];
        assert_eq!(rules.select_environment(&environment), expected);
    }

    #[test]
    fn clashes_end_the_same_way_each_time() {
        let all = LabelRules::new(Mode::All, Vec::new());
        for _ in 0..20 {
            assert_eq!(names(&all, &[("a_b", "2"), ("a.b", "1")]), ["container_label_a_b=1"]);
        }
    }

    proptest! {
        #[test]
        fn every_key_becomes_a_label_name(key: String) {
            let name = label_name(&key);
            prop_assert!(name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'));
        }
    }
}

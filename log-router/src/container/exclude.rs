//! `EXCLUDE_LABEL` and `EXCLUDE_LABELS`: containers that are left alone by a label, as logspout has it.

use agent_core::entry::Environment;

use super::Container;

/// Labels that exclude a container from every route.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Exclusions(Vec<(String, String)>);

impl Exclusions {
    /// Reads `EXCLUDE_LABELS` (`label[:value];…`), else `EXCLUDE_LABEL` (`label[:value]`); a value not given is `true`.
    pub fn from_environment(environment: &Environment) -> Self {
        let list = environment
            .get("EXCLUDE_LABELS")
            .or_else(|| environment.get("EXCLUDE_LABEL"))
            .unwrap_or_default();
        Self(list.split(';').map(str::trim).filter(|entry| !entry.is_empty()).map(label_and_value).collect())
    }

    /// Whether the container is to be left alone: by one of these labels, or because it asks for it.
    pub fn excludes(&self, container: &Container) -> bool {
        container.ignore
            || self.0.iter().any(|(label, value)| container.labels.get(label).is_some_and(|has| has == value))
    }
}

fn label_and_value(entry: &str) -> (String, String) {
    let (label, value) = entry.split_once(':').unwrap_or((entry, "true"));
    (label.to_owned(), value.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn excluded(variables: &[(&str, &str)], label: (&str, &str)) -> bool {
        let exclusions = Exclusions::from_environment(&variables.iter().copied().collect());
        let labels = [(label.0.to_owned(), label.1.to_owned())].into();
        exclusions.excludes(&Container { labels, ..Container::default() })
    }

    #[test]
    fn one_label() {
        let variables = [("EXCLUDE_LABEL", "logspout.exclude")];
        assert!(excluded(&variables, ("logspout.exclude", "true")));
        assert!(!excluded(&variables, ("logspout.exclude", "false")));
        assert!(excluded(&[("EXCLUDE_LABEL", "app:web")], ("app", "web")));
        assert!(!excluded(&[], ("app", "web")));
    }

    #[test]
    fn a_list_wins_over_the_single_label() {
        let variables = [("EXCLUDE_LABELS", "k8s:app;backend:rails;quiet"), ("EXCLUDE_LABEL", "other")];
        for (label, expected) in [
            (("k8s", "app"), true),
            (("backend", "rails"), true),
            (("quiet", "true"), true),
            (("other", "true"), false),
        ] {
            assert_eq!(excluded(&variables, label), expected, "{label:?}");
        }
    }

    #[test]
    fn a_container_may_ask_for_it() {
        assert!(Exclusions::default().excludes(&Container { ignore: true, ..Container::default() }));
    }
}

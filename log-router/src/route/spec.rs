//! A route in logspout's JSON: what `/routes` takes and gives, and what the files of `ROUTESPATH` hold.

use std::collections::BTreeMap;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};
use url::Url;

use super::without_user;
use crate::position::Fingerprint;

/// Digits of an ID.
const ID_BITS: u32 = 48;

/// A route as logspout writes it.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Spec {
    /// What `/routes/<id>` calls it.
    pub id: String,
    /// `filter.id`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub filter_id: String,
    /// `filter.name`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub filter_name: String,
    /// `filter.sources`.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "or_null")]
    pub filter_sources: Vec<String>,
    /// `filter.labels`.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "or_null")]
    pub filter_labels: Vec<String>,
    /// What stands before `://`.
    pub adapter: String,
    /// What stands behind it.
    pub address: String,
    /// Parameters for the output.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "or_null")]
    pub options: BTreeMap<String, String>,
}

/// Go writes `null` for what is empty.
fn or_null<'de, D: serde::Deserializer<'de>, T: Default + Deserialize<'de>>(from: D) -> Result<T, D::Error> {
    Option::deserialize(from).map(Option::unwrap_or_default)
}

impl std::fmt::Debug for Spec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Not derived: the address may hold a password.
        f.debug_struct("Spec")
            .field("id", &self.id)
            .field("uri", &without_user(&self.uri()))
            .finish_non_exhaustive()
    }
}

impl Spec {
    /// Takes a URI apart that [`super::Route::parse`] has taken.
    pub fn of_uri(uri: &str) -> Self {
        let mut spec = Self { id: id_of(uri), ..Self::default() };
        let Some((adapter, rest)) = uri.split_once("://") else { return spec };
        adapter.clone_into(&mut spec.adapter);
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        rest.get(..end).unwrap_or_default().clone_into(&mut spec.address);
        let list = |value: &str| value.split(',').map(str::to_owned).collect();
        for (key, value) in Url::parse(uri).iter().flat_map(Url::query_pairs) {
            match key.as_ref() {
                "filter.id" => spec.filter_id = value.into_owned(),
                "filter.name" => spec.filter_name = value.into_owned(),
                "filter.sources" => spec.filter_sources = list(&value),
                "filter.labels" => spec.filter_labels = list(&value),
                _ => {
                    spec.options.insert(key.into_owned(), value.into_owned());
                }
            }
        }
        spec
    }

    /// The same as a URI.
    pub fn uri(&self) -> String {
        let mut uri = format!("{}://{}", self.adapter, self.address);
        let lists = [self.filter_sources.join(","), self.filter_labels.join(",")];
        let filters = [
            ("filter.id", &self.filter_id),
            ("filter.name", &self.filter_name),
            ("filter.sources", &lists[0]),
            ("filter.labels", &lists[1]),
        ];
        let filters = filters.into_iter().filter(|(_, value)| !value.is_empty());
        let options = self.options.iter().map(|(key, value)| (key.as_str(), value));
        for (index, (key, value)) in filters.chain(options).enumerate() {
            let encode = |text| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
            // Dots are left as they are, so that keys look as in the documents.
            let key = encode(key).replace("%2E", ".").replace("%5F", "_");
            let before = if index == 0 { '?' } else { '&' };
            uri.extend([before.to_string(), key, "=".to_owned(), encode(value)]);
        }
        uri
    }

    /// Gives it an ID where it has none.
    #[must_use]
    pub fn with_id(mut self) -> Self {
        if self.id.is_empty() {
            self.id = id_of(&self.uri());
        }
        self
    }

    /// Whether the ID can be part of a path and of a file's name.
    pub fn has_good_id(&self) -> bool {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        (1..=64).contains(&self.id.len()) && self.id.chars().all(plain) && !self.id.starts_with('.')
    }

    /// Without user name and password.
    #[must_use]
    pub fn shown(&self) -> Self {
        let address = self.address.rsplit_once('@').map_or(self.address.as_str(), |(_, host)| host);
        Self { address: address.to_owned(), ..self.clone() }
    }
}

/// Twelve digits that stay the same from start to start.
fn id_of(uri: &str) -> String {
    let hash = without_user(uri)
        .as_bytes()
        .chunks(Fingerprint::LONGEST)
        .fold(0_u64, |hash, part| hash.rotate_left(1) ^ Fingerprint::of(part).hash);
    format!("{:012x}", hash & ((1 << ID_BITS) - 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::route::Route;
    use proptest::prelude::*;

    #[test]
    fn uris_and_json_say_the_same() {
        let uri = "syslog+tcp://logs:514?filter.name=web*&filter.sources=stdout,stderr&append_tag=.x";
        let spec = Spec::of_uri(uri);
        let json = serde_json::to_value(&spec).unwrap();
        let expected = serde_json::json!({
            "id": spec.id,
            "filter_name": "web*",
            "filter_sources": ["stdout", "stderr"],
            "adapter": "syslog+tcp",
            "address": "logs:514",
            "options": {"append_tag": ".x"},
        });
        assert_eq!(json, expected);
        assert_eq!(Spec::of_uri(&spec.uri()), Spec { id: id_of(&spec.uri()), ..spec.clone() });
        assert!(spec.has_good_id());
        assert_eq!(Route::parse("", &spec.uri()).unwrap().option("append_tag"), Some(".x"));
    }

    #[test]
    fn what_go_leaves_out_or_writes_as_null_is_empty() {
        let text = r#"{"adapter": "udp", "address": "h:1", "filter_sources": null, "options": null}"#;
        let spec: Spec = serde_json::from_str(text).unwrap();
        assert_eq!(spec.uri(), "udp://h:1");
        assert_eq!(serde_json::to_string(&spec).unwrap(), r#"{"id":"","adapter":"udp","address":"h:1"}"#);
        assert_eq!(spec.with_id().id.len(), 12);
    }

    #[test]
    fn passwords_are_not_shown_and_ids_are_no_paths() {
        let spec = Spec::of_uri("elasticsearch://me:secret@s:9200");
        assert_eq!(spec.shown().address, "s:9200");
        assert!(!format!("{spec:?}").contains("secret"));
        assert_eq!(spec.id, Spec::of_uri("elasticsearch://me:other@s:9200").id);
        for (id, good) in [("a-1_B.x", true), ("../x", false), ("", false), (".x", false), ("a/b", false)] {
            assert_eq!(Spec { id: id.to_owned(), ..spec.clone() }.has_good_id(), good, "{id}");
        }
    }

    proptest! {
        #[test]
        fn nothing_panics(uri: String, json: String) {
            let _unused = Spec::of_uri(&uri).uri();
            let _unused: Result<Spec, _> = serde_json::from_str(&json);
        }
    }
}

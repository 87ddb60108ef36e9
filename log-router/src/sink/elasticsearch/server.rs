//! What a server says that it is (`GET /`), and what follows for the templates.

use serde_json::{Value, json};

/// The kinds that differ in what mappings they know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flavor {
    /// Also whatever does not say what it is.
    Elasticsearch,
    /// Elasticsearch without what is not Apache-licensed (7.10).
    ElasticsearchOss,
    OpenSearch,
}

impl Flavor {
    /// Reads the answer to `GET /`.
    pub(super) fn parse(body: &[u8]) -> Self {
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        let says = |pointer: &str, what: &str| body.pointer(pointer).is_some_and(|value| value == what);
        if says("/version/distribution", "opensearch") {
            Self::OpenSearch
        } else if says("/version/build_flavor", "oss") {
            Self::ElasticsearchOss
        } else {
            Self::Elasticsearch
        }
    }

    /// The mapping of a field whose members nobody knows before.
    fn any_object(self) -> Value {
        match self {
            Self::Elasticsearch => json!({"type": "flattened"}),
            Self::OpenSearch => json!({"type": "flat_object"}),
            // Kept, and not searched.
            Self::ElasticsearchOss => json!({"type": "object", "enabled": false}),
        }
    }

    /// A template as this server takes it.
    pub(super) fn template(self, template: &str) -> Value {
        let mut template: Value = serde_json::from_str(template).unwrap_or_default();
        if let Some(json) = template.pointer_mut("/template/mappings/properties/json") {
            *json = self.any_object();
        }
        template
    }
}

#[cfg(test)]
mod tests {
    use super::super::{book_template, stream_template};
    use super::*;

    #[test]
    fn servers_say_what_they_are() {
        let answers: [(Value, Flavor); 4] = [
            (json!({"version": {"number": "2.19.1", "distribution": "opensearch"}}), Flavor::OpenSearch),
            (json!({"version": {"number": "7.10.2", "build_flavor": "oss"}}), Flavor::ElasticsearchOss),
            (json!({"version": {"number": "8.19.0", "build_flavor": "default"}}), Flavor::Elasticsearch),
            (json!("what"), Flavor::Elasticsearch),
        ];
        for (answer, flavor) in answers {
            assert_eq!(Flavor::parse(answer.to_string().as_bytes()), flavor, "{answer}");
        }
        assert_eq!(Flavor::parse(b"<html>"), Flavor::Elasticsearch);
    }

    #[test]
    fn each_gets_a_mapping_that_it_knows() {
        for (_, text) in [book_template(), stream_template()] {
            let field =
                |flavor: Flavor| flavor.template(text)["template"]["mappings"]["properties"]["json"].clone();
            assert_eq!(field(Flavor::Elasticsearch), json!({"type": "flattened"}));
            assert_eq!(field(Flavor::OpenSearch), json!({"type": "flat_object"}));
            assert_eq!(field(Flavor::ElasticsearchOss), json!({"type": "object", "enabled": false}));
            assert_eq!(Flavor::Elasticsearch.template(text), serde_json::from_str::<Value>(text).unwrap());
        }
    }
}

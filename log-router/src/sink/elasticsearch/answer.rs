//! What a server's answer to a bulk request means for each line.

use serde::Deserialize;

use super::client::Answer;

/// What became of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It is stored.
    Stored,
    /// There is a document by its ID.
    Known {
        /// In this index, where the server says so.
        index: String,
    },
    /// Not now: too busy, not allowed, no shard. Time or an operator mends that.
    Later {
        /// As HTTP has it.
        status: u16,
        /// In the server's words.
        reason: String,
    },
    /// Never: the document itself is at fault.
    Rejected {
        /// In the server's words.
        reason: String,
    },
}

/// Errors that no time mends, by their names in Elasticsearch 7 to 9 and OpenSearch.
const OWN_FAULT: [&str; 4] = [
    "document_parsing_exception",
    "mapper_parsing_exception",
    "strict_dynamic_mapping_exception",
    "illegal_argument_exception",
];

#[derive(Deserialize)]
struct Body {
    errors: bool,
    #[serde(default)]
    items: Vec<Item>,
}

#[derive(Deserialize)]
struct Documents {
    #[serde(default)]
    docs: Vec<Document>,
}

#[derive(Deserialize)]
struct Document {
    #[serde(default)]
    found: bool,
    #[serde(rename = "_source")]
    source: Option<Source>,
}

#[derive(Deserialize)]
struct Source {
    #[serde(default)]
    message: String,
}

#[derive(Deserialize)]
struct Item {
    create: Status,
}

#[derive(Deserialize)]
struct Status {
    status: u16,
    #[serde(default)]
    error: Option<Fault>,
}

#[derive(Deserialize)]
struct Fault {
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(default)]
    reason: Option<String>,
    #[serde(default)]
    index: Option<String>,
}

/// One outcome for each of `count` lines, in their order; an error where the answer does not say.
pub(super) fn read(answer: &Answer, count: usize) -> Result<Vec<Outcome>, String> {
    let body: Body =
        serde_json::from_slice(&answer.body).map_err(|error| format!("unreadable answer: {error}"))?;
    if !body.errors {
        return Ok(vec![Outcome::Stored; count]);
    }
    if body.items.len() != count {
        return Err(format!("{} lines were sent and {} answered", count, body.items.len()));
    }
    Ok(body.items.into_iter().map(|item| outcome(item.create)).collect())
}

fn outcome(result: Status) -> Outcome {
    let (kind, reason, index) = result.error.map_or_else(Default::default, |fault| {
        (fault.kind, fault.reason.unwrap_or_default(), fault.index.unwrap_or_default())
    });
    let told = format!("{} {kind}: {reason}", result.status);
    match result.status {
        200..=299 => Outcome::Stored,
        409 => Outcome::Known { index },
        413 => Outcome::Rejected { reason: told },
        400 if OWN_FAULT.contains(&kind.as_str()) => Outcome::Rejected { reason: told },
        status => Outcome::Later { status, reason: told },
    }
}

/// What the documents by some IDs say, in the order of the question; `None` for those that are not there.
pub(super) fn read_messages(answer: &Answer) -> Result<Vec<Option<String>>, String> {
    let body: Documents =
        serde_json::from_slice(&answer.body).map_err(|error| format!("unreadable answer: {error}"))?;
    Ok(body.docs.into_iter().map(|d| d.source.filter(|_| d.found).map(|s| s.message)).collect())
}

/// The value of the label `kind` for a status that stands in the way.
pub(super) fn kind(status: u16) -> &'static str {
    match status {
        401 => "unauthorized",
        403 => "forbidden",
        404 => "not_found",
        429 => "too_many_requests",
        500..=599 => "server",
        _ => "refused",
    }
}

/// An answer to a bulk or to a question for documents.
#[cfg(fuzzing)]
pub(super) fn fuzz(bytes: &[u8], count: usize) {
    let answer = Answer { status: 200, body: bytes.to_vec().into() };
    if let Ok(outcomes) = read(&answer, count) {
        assert_eq!(outcomes.len(), count);
    }
    if let Err(problem) = read_messages(&answer) {
        assert!(!problem.is_empty());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn answer(body: &str) -> Answer {
        Answer { status: 200, body: body.to_owned().into() }
    }

    #[test]
    fn each_line_has_its_outcome() {
        let body = r#"{"errors":true,"items":[{"create":{"status":201}},{"create":{"status":409,"error":{"type":"version_conflict_engine_exception","reason":"exists","index":"logs-1"}}},
            {"create":{"status":429,"error":{"type":"es_rejected_execution_exception","reason":"full"}}},{"create":{"status":503}},
            {"create":{"status":400,"error":{"type":"document_parsing_exception","reason":"no number"}}},
            {"create":{"status":400,"error":{"type":"validation_exception","reason":"too many shards"}}},
            {"create":{"status":403,"error":{"type":"cluster_block_exception","reason":"read-only"}}}]}"#;
        let outcomes = read(&answer(body), 7).unwrap();
        assert_eq!(outcomes[..2], [Outcome::Stored, Outcome::Known { index: "logs-1".to_owned() }]);
        let later: Vec<_> = outcomes.iter().map(|o| matches!(o, Outcome::Later { .. })).collect();
        assert_eq!(later, [false, false, true, true, false, true, true]);
        assert_eq!(
            outcomes[4],
            Outcome::Rejected { reason: "400 document_parsing_exception: no number".to_owned() }
        );
    }

    #[test]
    fn without_errors_all_are_stored() {
        assert_eq!(read(&answer(r#"{"errors":false}"#), 2).unwrap(), [Outcome::Stored, Outcome::Stored]);
    }

    #[test]
    fn an_answer_that_does_not_fit_is_no_answer() {
        for body in
            ["", "<html>", r#"{"errors":true,"items":[]}"#, r#"{"errors":true,"items":[{"index":{}}]}"#]
        {
            assert!(read(&answer(body), 1).is_err(), "{body}");
        }
    }

    proptest! {
        #[test]
        fn nothing_panics(body: String) {
            let _unused = read(&answer(&body), 1);
        }
    }
}

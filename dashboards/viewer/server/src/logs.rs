//! The one form of search that there is: a query string within a time range, the newest lines first, not too many.

use serde_json::{Value, json};
use url::form_urlencoded;

use crate::answer::{Refusal, success};
use crate::upstream::{Answer, Upstream};

/// Lines of one answer at most.
pub const MOST: usize = 500;
const DEFAULT: usize = 100;
/// A longer query string is a mistake.
const LONGEST: usize = 4096;
/// Hits are counted up to here.
const COUNTED: usize = 10_000;

/// A checked search.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Search {
    query: String,
    from: i64,
    to: i64,
    size: usize,
}

impl Search {
    /// Reads the parameters `query`, `from`, `to` (milliseconds) and `size`.
    pub fn parse(parameters: Option<&str>) -> Result<Self, Refusal> {
        let (mut query, mut from, mut to, mut size) = ("*".to_owned(), None, None, DEFAULT);
        let milliseconds = |name: &str, value: &str| {
            value
                .parse::<i64>()
                .map_err(|_| Refusal::Bad(format!("{name}={value}: give milliseconds since 1970")))
        };
        for (name, value) in form_urlencoded::parse(parameters.unwrap_or_default().as_bytes()) {
            match name.as_ref() {
                "query" if value.len() > LONGEST => {
                    return Err(Refusal::Bad(format!(
                        "the query has {} bytes, {LONGEST} are the most",
                        value.len()
                    )));
                }
                "query" if value.trim().is_empty() => {}
                "query" => query = value.into_owned(),
                "from" => from = Some(milliseconds("from", &value)?),
                "to" => to = Some(milliseconds("to", &value)?),
                "size" => {
                    size = value.parse().ok().filter(|size| (1..=MOST).contains(size)).ok_or_else(|| {
                        Refusal::Bad(format!("size={value}: give a number of lines from 1 to {MOST}"))
                    })?;
                }
                name => {
                    return Err(Refusal::Bad(format!(
                        "a search has no parameter {name}; it has query, from, to, size"
                    )));
                }
            }
        }
        match (from, to) {
            (Some(from), Some(to)) if from <= to => Ok(Self { query, from, to, size }),
            (Some(_), Some(_)) => Err(Refusal::Bad("from is after to".to_owned())),
            _ => Err(Refusal::Bad("a search needs from and to".to_owned())),
        }
    }

    /// The body for the search engine.
    pub fn body(&self, time_field: &str) -> Value {
        json!({
            "size": self.size,
            "timeout": "10s",
            "track_total_hits": COUNTED,
            "sort": [{time_field: {"order": "desc", "unmapped_type": "date"}}],
            "query": {"bool": {"filter": [
                {"query_string": {"query": self.query, "analyze_wildcard": true, "lenient": true}},
                {"range": {time_field: {"gte": self.from, "lte": self.to, "format": "epoch_millis"}}},
            ]}},
        })
    }
}

/// Where is searched.
#[derive(Debug, Clone)]
pub struct Place {
    /// Names of indexes, with `*`.
    pub index: String,
    /// The field that holds a line's time.
    pub time_field: String,
}

/// Searches; the lines as the page wants them.
pub async fn ask(upstream: &Upstream, place: &Place, parameters: Option<&str>) -> Result<String, Refusal> {
    let body = Search::parse(parameters)?.body(&place.time_field);
    let path = format!("/{}/_search?ignore_unavailable=true&allow_no_indices=true", place.index);
    read(&upstream.post(&path, &body).await?)
}

fn read(answer: &Answer) -> Result<String, Refusal> {
    let json: Option<Value> = serde_json::from_str(&answer.body).ok();
    let reason = || {
        let error = json.as_ref()?.get("error")?;
        // The outer reason is "all shards failed"; what is wrong with the query is further in.
        let cause = error
            .pointer("/failed_shards/0/reason/caused_by/reason")
            .or_else(|| error.pointer("/root_cause/0/reason"));
        cause.or_else(|| error.get("reason"))?.as_str().map(str::to_owned)
    };
    match (answer.status, &json) {
        (200, Some(json)) => lines(json),
        (400, _) => Err(Refusal::Bad(
            reason().unwrap_or_else(|| "the search engine does not take the query".to_owned()),
        )),
        (401 | 403, _) => {
            Err(Refusal::Upstream("the search engine refuses the viewer's user and password".to_owned()))
        }
        (429, _) => Err(Refusal::Busy("the search engine is busy".to_owned())),
        (status, _) => {
            let reason = reason().map_or_else(String::new, |reason| format!(": {reason}"));
            Err(Refusal::Upstream(format!("the search engine answers {status}{reason}")))
        }
    }
}

fn lines(answer: &Value) -> Result<String, Refusal> {
    if answer.get("timed_out").and_then(Value::as_bool) == Some(true) {
        return Err(Refusal::Late("the search engine needs more than ten seconds".to_owned()));
    }
    let hits = answer.pointer("/hits/hits").and_then(Value::as_array);
    let hits = hits.ok_or_else(|| Refusal::Upstream("the search engine answers without hits".to_owned()))?;
    if hits.is_empty()
        && let Some(reason) = answer.pointer("/_shards/failures/0/reason/reason").and_then(Value::as_str)
    {
        return Err(Refusal::Upstream(format!("a shard of the search engine failed: {reason}")));
    }
    let lines: Vec<Value> = hits
        .iter()
        .map(
            |hit| json!({"id": hit.get("_id"), "time": hit.pointer("/sort/0"), "fields": hit.get("_source")}),
        )
        .collect();
    let total = answer.pointer("/hits/total/value").and_then(Value::as_u64).unwrap_or_default();
    Ok(success(&json!({"total": total, "lines": lines}).to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_is_a_query_and_a_range() {
        let search = Search::parse(Some("query=program:web&from=1000&to=2000&size=5")).unwrap();
        let body = search.body("@timestamp");
        assert_eq!(body["size"], 5);
        let filter = &body["query"]["bool"]["filter"];
        assert_eq!(filter[0]["query_string"]["query"], "program:web");
        assert_eq!(filter[1]["range"]["@timestamp"]["gte"], 1000);
    }

    #[test]
    fn a_query_stays_a_query() {
        let tricky = "query=%22%7D%7D%2C%22script%22%3A%7B&from=1&to=2";
        let body = Search::parse(Some(tricky)).unwrap().body("@timestamp");
        assert_eq!(body["query"]["bool"]["filter"][0]["query_string"]["query"], "\"}},\"script\":{");
        assert_eq!(body.as_object().unwrap().len(), 5);
    }

    #[test]
    fn bad_searches_are_told() {
        let long = format!("query={}&from=1&to=2", "x".repeat(LONGEST + 1));
        for bad in [
            "",
            "from=1",
            "from=2&to=1",
            "from=now&to=1",
            "from=1&to=2&size=0",
            "from=1&to=2&size=501",
            "from=1&to=2&index=x",
            &long,
        ] {
            assert!(matches!(Search::parse(Some(bad)), Err(Refusal::Bad(_))), "{bad}");
        }
        let empty = Search::parse(Some("query=&from=1&to=2")).unwrap();
        assert_eq!(empty.query, "*");
    }

    #[test]
    fn answers_become_lines() {
        let body = r#"{"timed_out":false,"hits":{"total":{"value":1},"hits":[{"_index":"logstash-2026.01.01","_id":"a","_source":{"message":"m"},"sort":[1500]}]}}"#;
        let text = read(&Answer { status: 200, body: body.to_owned() }).unwrap();
        let value: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(
            value["data"],
            json!({"total": 1, "lines": [{"id": "a", "time": 1500, "fields": {"message": "m"}}]})
        );
    }

    #[test]
    fn errors_become_reasons() {
        let answer = |status, body: &str| read(&Answer { status, body: body.to_owned() });
        let bad = r#"{"error":{"root_cause":[{"reason":"Failed to parse query [a:(]"}],"reason":"all shards failed"},"status":400}"#;
        assert_eq!(answer(400, bad), Err(Refusal::Bad("Failed to parse query [a:(]".to_owned())));
        assert!(matches!(answer(401, ""), Err(Refusal::Upstream(_))));
        assert!(matches!(answer(200, "<html>"), Err(Refusal::Upstream(_))));
        assert!(matches!(answer(200, r#"{"timed_out":true,"hits":{"hits":[]}}"#), Err(Refusal::Late(_))));
    }
}

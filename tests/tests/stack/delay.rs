//! How long after it was printed a line is found by a search for its service.

use std::collections::BTreeMap;

use e2e::make_up::MakeUp;
use e2e::wait::{LIMIT, ensure, until};
use serde_json::Value;

use super::service;

const LINES: usize = 100;

/// A service prints the time again and again while the search engine is asked again and again. Prints the median and the
/// 99th percentile of the time from printing to finding; that each is found is what is asserted.
pub(super) fn a_printed_line_is_found(stack: &MakeUp) {
    // busybox' date knows no nanoseconds; the engine's own time of the line, which the document carries, does.
    service(
        stack,
        "shop_clock",
        &format!("i=0; while [ $i -lt {LINES} ]; do i=$((i+1)); echo tick $i; sleep 0.13; done; sleep 3600"),
    );
    let first_found = until(LIMIT, "every printed line in the search engine", || {
        let found = poll(stack)?;
        ensure(found.len() == LINES, format!("{} of {LINES}", found.len()))?;
        Ok(found)
    });
    let mut delays: Vec<_> = first_found.values().map(|(printed, found)| found - printed).collect();
    delays.sort_by(f64::total_cmp);
    let percentile = |share: usize| delays[(delays.len() * share).div_ceil(100) - 1];
    println!(
        "{LINES} lines of a service found by `program: \"shop_clock\"`: {:.2} s after they were printed in the median, {:.2} s at the 99th percentile",
        percentile(50),
        percentile(99)
    );
}

/// When each line was printed and first found, in seconds. Asks from within the search engine's container until all are
/// there, so that no start of a process lies between two questions.
fn poll(stack: &MakeUp) -> Result<BTreeMap<String, (f64, f64)>, String> {
    // The image has bash and curl, and little else.
    let script = format!(
        "password=$(cat /run/secrets/admin_password); for ((i = 0; i < 600; i++)); do \
         answer=$(curl -sS -u \"elastic:$password\" 'localhost:9200/logstash-*/_search?q=program:shop_clock&size={LINES}&_source=message,@timestamp&filter_path=hits.hits._source') || exit 1; \
         echo \"$EPOCHREALTIME $answer\"; \
         missing=${{answer//tick/}}; (( ${{#answer}} - ${{#missing}} < 4 * {LINES} )) || exit 0; sleep 0.03; done"
    );
    let id = stack.container("elasticsearch");
    let text = stack.engine.try_docker(&["exec", &id, "bash", "-c", &script])?;
    let mut found = BTreeMap::new();
    for line in text.lines() {
        let (at, answer) = line.split_once(' ').ok_or_else(|| line.to_owned())?;
        let at: f64 = at.parse().map_err(|error| format!("{error}: {line}"))?;
        let answer: Value = serde_json::from_str(answer).map_err(|error| format!("{error}: {line}"))?;
        for source in answer["hits"]["hits"].as_array().into_iter().flatten().map(|hit| &hit["_source"]) {
            let message = source["message"].as_str().ok_or_else(|| answer.to_string())?;
            let printed = seconds(source["@timestamp"].as_str().ok_or_else(|| answer.to_string())?)?;
            found.entry(message.to_owned()).or_insert((printed, at));
        }
    }
    Ok(found)
}

/// Unix time of `2026-11-29T06:33:05.123456789Z`.
fn seconds(time: &str) -> Result<f64, String> {
    let parsed = chrono::DateTime::parse_from_rfc3339(time).map_err(|error| format!("{error}: {time}"))?;
    Ok(parsed.timestamp() as f64 + f64::from(parsed.timestamp_subsec_nanos()) / 1e9)
}

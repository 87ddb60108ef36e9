//! What is read out of lines: their level, whether they belong together, secrets; and the labels of containers.
#![no_main]

use std::collections::HashMap;

use log_router::meaning::mask::{NAMED, Pattern, mask};
use log_router::meaning::multiline::Rule;
use log_router::meaning::settings::{LABELS, Settings};
use log_router::priority::Priority;
use log_router::record::Stream;

thread_local!(static PATTERNS: Vec<Pattern> = NAMED.iter().map(|(name, _)| Pattern::parse(name).expect("a name")).collect());

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    Priority::detect(true, Stream::Stdout, 1_476_918_859_000_000_000, bytes);
    let rule = Rule::traces();
    let mut before = None;
    for line in bytes.split(|byte| *byte == b'\n') {
        before = Some(rule.judge(line, before).trace);
    }
    PATTERNS.with(|patterns| drop(mask(patterns, bytes)));
    let Some((which, value)) = bytes.split_first() else { return };
    let label = LABELS[usize::from(*which) % LABELS.len()].name.to_owned();
    let labels: HashMap<_, _> = [(label, String::from_utf8_lossy(value).into_owned())].into();
    let _ = Settings::default().with_labels(&labels);
});

//! What users write: routes, lists of them, variables in them, and routes that `/routes` is given.
#![no_main]

use agent_core::entry::Environment;
use log_router::route::spec::Spec;
use log_router::route::{Route, expand, split_list};

libfuzzer_sys::fuzz_target!(|text: &str| {
    let environment: Environment = [("NAME", "value")].into_iter().collect();
    for uri in split_list(&expand(text, &environment)) {
        if let Ok(route) = Route::parse("fuzz", &uri) {
            // What is shown and stored has to be made as well.
            let _ = (route.to_string(), route.key());
        }
    }
    if let Err(error) = Route::parse("fuzz", &format!("syslog+tcp://host:1?{text}")) {
        let _ = error.to_string();
    }
    if let Ok(spec) = serde_json::from_str::<Spec>(text) {
        let _ = Route::parse("fuzz", &spec.with_id().uri());
    }
});

//! Templates of `SYSLOG_*` and `RAW_FORMAT`, and what they make of a line.
#![no_main]

use log_router::container::Container;
use log_router::record::Stream;
use log_router::template::{Template, View};

libfuzzer_sys::fuzz_target!(|text: &str| {
    let container = Container { name: "web.1.x".to_owned(), id: "0123".to_owned(), ..Container::default() };
    let (stream, time) = (Stream::Stderr, 1_476_918_859_000_000_000);
    let view = View { container: &container, hostname: "node1", stream, time, time_digits: 9, data: b"a \"line\"" };
    for text in [text.to_owned(), format!("{{{{{text}}}}}"), format!("{{{{.Time.Format \"{text}\"}}}}")] {
        match Template::parse("RAW_FORMAT", &text) {
            Ok(template) => template.render(&view, &mut Vec::new()),
            Err(error) => drop(error.to_string()),
        }
    }
});

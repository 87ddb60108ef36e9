//! What the engine writes and sends: records of json-file logs, frames of its API.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    log_router::source::json_file::fuzz(bytes);
    log_router::source::api::fuzz(bytes);
    // The fuzzer need not find out how a record begins and ends.
    let wrapped = |head: &str, tail: &str| [head.as_bytes(), bytes, tail.as_bytes()].concat();
    let record = wrapped(r#"{"log":""#, r#"\n","stream":"stdout","time":"2016-10-19T23:14:19.1Z"}"#);
    log_router::source::json_file::fuzz(&record);
    log_router::source::api::fuzz(&wrapped("2016-10-19T23:14:19.100000000Z ", "\r\n"));
});

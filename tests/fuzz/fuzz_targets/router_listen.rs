//! Syslog from the network: how a stream is cut into messages, and the messages.
#![no_main]

use fuzz::damage;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Some((first, rest)) = damage::number(bytes) else { return };
    log_router::listen::fuzz(rest, first);
    for head in ["<14>1 2016-10-19T23:14:19Z ", "<14>Oct 19 23:14:19 "] {
        log_router::listen::fuzz(&[head.as_bytes(), rest].concat(), first);
    }
});

//! What receivers answer: bulk answers of search engines, acknowledgements of Lumberjack.
#![no_main]

use fuzz::damage;

const GOOD: &[u8] = br#"{"errors":true,"items":[{"create":{"status":201}},{"create":{"status":400,"error":{"type":"document_parsing_exception","reason":"r","index":"i"}}}]}"#;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    log_router::sink::fuzz(bytes, 2);
    if let Some(answer) = damage::apply(GOOD, bytes) {
        log_router::sink::fuzz(&answer, 2);
    }
});

//! Work without a pause.

use std::hint::black_box;

use crate::say;

/// Works for ever; yields now and then, so that a signal is heard.
pub async fn burn() {
    say::line("INFO: burning");
    let mut number = 1_u64;
    loop {
        for _ in 0..1_000_000 {
            number = black_box(number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1));
        }
        tokio::task::yield_now().await;
    }
}

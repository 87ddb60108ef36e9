//! Memory that is taken and never given back.

use std::hint::black_box;
use std::time::Duration;

use tokio::time::interval;

use crate::say;

const MEGABYTE: usize = 1 << 20;

/// Takes so many megabytes a second until something ends the process.
pub async fn eat(megabytes: u32) {
    let step = MEGABYTE * usize::try_from(megabytes).unwrap_or(1);
    let mut taken: Vec<Vec<u8>> = Vec::new();
    let mut tick = interval(Duration::from_secs(1));
    loop {
        tick.tick().await;
        // Not zero, or the kernel would not have to give it.
        taken.push(black_box(vec![1; step]));
        if taken.len().is_multiple_of(10) {
            say::line(&format!("INFO: {} MB taken", taken.len() * step / MEGABYTE));
        }
    }
}

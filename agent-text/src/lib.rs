//! The text that kernels write, taken apart, and the text that Prometheus reads, put together.
//!
//! What the agents do per byte is here, apart from all else, because it alone is compiled for speed: the rest is compiled
//! for size, which is what memory counts.

pub mod exposition;
pub mod read;

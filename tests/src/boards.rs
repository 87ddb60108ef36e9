//! The checks of the Grafana boards, and the lab that they are checked with.

pub mod ask;
pub mod board;
pub mod exclusions;
pub mod fill;
pub mod lab;
pub mod lint;
pub mod promql;
pub mod schema;
pub mod shape;
pub mod simulate;
#[cfg(test)]
mod testing;

//! Every file below /proc that a collector reads.
#![no_main]

use fuzz::node::Recorded;

thread_local!(static HOST: Recorded = Recorded::new(&["proc"]));

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| HOST.with(|host| host.run(bytes)));

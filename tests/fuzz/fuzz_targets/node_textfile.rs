//! Files of the textfile collector: any bytes, and any damage to one that is right.
#![no_main]

use fuzz::node::Recorded;

thread_local!(static HOST: Recorded = Recorded::new(&["textfile"]));

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| HOST.with(|host| host.run(bytes)));

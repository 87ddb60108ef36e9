//! Every file below /sys, and those of udev and of the root file system that a collector reads.
#![no_main]

use fuzz::node::Recorded;

thread_local!(static HOST: Recorded = Recorded::new(&["sys", "udev", "root"]));

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| HOST.with(|host| host.run(bytes)));

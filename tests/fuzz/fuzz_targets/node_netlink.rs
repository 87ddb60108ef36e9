//! Answers of the kernel over netlink: devices, addresses, routes, queueing disciplines, wireless networks, link modes.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| node_exporter::collectors::read_message(bytes));

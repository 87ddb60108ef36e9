//! `tapestats`: traffic of tape drives, from `/sys/class/scsi_tape/st*/stats`.

use std::path::PathBuf;

use agent_core::collector::{CollectError, Collector};
use agent_core::error::ConfigErrors;
use agent_core::exposition::{Exposition, Value};
use regex_lite::Regex;

use super::Build;
use crate::flags::{Flag, Given};
use crate::host::Host;
use crate::sysfs::{Attribute, Device, Sysfs, divided, list_numbered, write_attributes};

const IGNORED: Flag =
    Flag::regex("collector.tapestats.ignored-devices", "^$", "Tape drives to leave out of tapestats");

pub(super) const FLAGS: &[Flag] = &[IGNORED];

#[rustfmt::skip]
const ATTRIBUTES: &[Attribute] = &[
    Attribute::gauge("stats/in_flight", "node_tape_io_now", "Requests under way."),
    Attribute::counter("stats/other_cnt", "node_tape_io_others_total", "Requests that neither read nor wrote."),
    Attribute::counter("stats/io_ns", "node_tape_io_time_seconds_total", "Seconds that all requests took, moving the tape included.").parsed(nanoseconds),
    Attribute::counter("stats/read_byte_cnt", "node_tape_read_bytes_total", "Bytes read."),
    Attribute::counter("stats/read_ns", "node_tape_read_time_seconds_total", "Seconds that reads took.").parsed(nanoseconds),
    Attribute::counter("stats/read_cnt", "node_tape_reads_completed_total", "Reads."),
    Attribute::counter("stats/resid_cnt", "node_tape_residual_total", "Requests that moved less than they asked for."),
    Attribute::counter("stats/write_ns", "node_tape_write_time_seconds_total", "Seconds that writes took.").parsed(nanoseconds),
    Attribute::counter("stats/write_cnt", "node_tape_writes_completed_total", "Writes."),
    Attribute::counter("stats/write_byte_cnt", "node_tape_written_bytes_total", "Bytes written."),
];

fn nanoseconds(text: &[u8]) -> Option<Value> {
    divided(text, 1e9)
}

pub(super) fn build(given: Given<'_>) -> Result<Build, ConfigErrors> {
    let ignored = given.regex(&IGNORED)?;
    Ok(Build::new(move |host| Tapestats::new(host, ignored.clone())))
}

#[derive(Debug)]
struct Tapestats {
    folder: PathBuf,
    ignored: Option<Regex>,
    sysfs: Sysfs,
}

impl Tapestats {
    fn new(host: &Host, ignored: Option<Regex>) -> Self {
        Self { folder: host.roots.sysfs.join("class/scsi_tape"), ignored, sysfs: Sysfs::opening() }
    }
}

impl Collector for Tapestats {
    fn collect(&mut self, out: &mut Exposition<'_>) -> Result<(), CollectError> {
        // A drive has eight names, by mode and by whether closing rewinds; `st` and a number is the plain one.
        let mut names = list_numbered(&self.folder, "st")?;
        names.retain(|(name, _)| !self.ignored.as_ref().is_some_and(|ignored| ignored.is_match(name)));
        let drives: Vec<_> = names
            .iter()
            .map(|(name, _)| {
                Device::read(&mut self.sysfs, &self.folder.join(name), ATTRIBUTES, &[("device", name)])
            })
            .collect();
        write_attributes(out, ATTRIBUTES, &drives);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use agent_core::testing::{FakeRoot, collect};

    use super::*;
    use crate::host::fake;

    #[test]
    fn each_drive_is_counted_once() {
        let root = FakeRoot::new();
        for name in ["st0", "nst0", "st0a", "st1", "st2"] {
            root.file(format!("sys/class/scsi_tape/{name}/stats/io_ns"), "9247011087720\n");
            root.file(format!("sys/class/scsi_tape/{name}/stats/read_cnt"), "3741\n");
        }
        root.file("sys/class/scsi_tape/st2/stats/read_cnt", "many\n");
        let (text, error) = collect(Tapestats::new(&fake::host(&root), Regex::new("^st1$").ok()));
        assert!(error.is_none(), "{error:?}");
        let samples: Vec<_> = text.lines().filter(|line| !line.starts_with('#')).collect();
        assert_eq!(
            samples,
            [
                "node_tape_io_time_seconds_total{device=\"st0\"} 9247.01108772",
                "node_tape_io_time_seconds_total{device=\"st2\"} 9247.01108772",
                "node_tape_reads_completed_total{device=\"st0\"} 3741",
            ]
        );
    }

    #[test]
    fn a_machine_without_tapes_is_no_fault() {
        let (_, error) = collect(Tapestats::new(&fake::host(&FakeRoot::new()), None));
        assert!(matches!(error, Some(CollectError::NoData(_))));
    }
}

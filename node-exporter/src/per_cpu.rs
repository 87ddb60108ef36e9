//! Kernel tables with one column per CPU: `/proc/interrupts` and `/proc/softirqs`.

use agent_core::read::{fields, lines, text};

/// The numbers of the CPUs in a table's heading (`CPU0 CPU2 …`): those that are online, so they may have gaps.
pub fn parse_heading(content: &[u8]) -> Vec<&str> {
    let heading = lines(content).next().unwrap_or_default();
    fields(heading).filter_map(|field| text(field)?.strip_prefix("CPU")).collect()
}

/// The rows `name: one number per CPU, rest`: the name, and everything behind the colon.
pub fn parse_rows(content: &[u8]) -> impl Iterator<Item = (&str, &[u8])> {
    lines(content).skip(1).filter_map(|line| {
        // On some machines there is no blank between colon and numbers.
        let colon = line.iter().position(|byte| *byte == b':')?;
        let (name, rest) = line.split_at_checked(colon)?;
        Some((text(name)?.trim(), rest.get(1..)?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn offline_cpus_leave_gaps() {
        let table = b"      CPU0       CPU2\n  HI:   7  1\n LOC:3 4 Local timer\n";
        assert_eq!(parse_heading(table), ["0", "2"]);
        let rows: Vec<_> = parse_rows(table).collect();
        assert_eq!(rows, [("HI", &b"   7  1"[..]), ("LOC", b"3 4 Local timer")]);
    }

    proptest! {
        #[test]
        fn nothing_panics(content: Vec<u8>) {
            parse_heading(&content);
            parse_rows(&content).count();
        }
    }
}

//! Tables that commands make inside documents: what stands between `<!-- NAME: … -->` and `<!-- end of NAME -->`.

use std::fs;
use std::path::Path;

use crate::command::run;

/// Replaces a block of a document of the project; `DOCS=no` leaves the document alone.
pub fn replace(document: &str, block: &str, text: &str) {
    if std::env::var("DOCS").is_ok_and(|value| value == "no") {
        return;
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(document);
    let before = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{document}: {error}"));
    let after = replaced(&before, block, text).unwrap_or_else(|| panic!("{document} has no block {block}"));
    fs::write(&path, after).unwrap_or_else(|error| panic!("{document}: {error}"));
}

fn replaced(document: &str, block: &str, text: &str) -> Option<String> {
    let begin = document.find(&format!("<!-- {block}: "))?;
    let begin = begin + document.get(begin..)?.find('\n')? + 1;
    let end = begin + document.get(begin..)?.find(&format!("<!-- end of {block} -->"))?;
    Some(format!("{}{}\n{}", document.get(..begin)?, text.trim_end(), document.get(end..)?))
}

/// The date, UTC.
pub fn today() -> String {
    run("date", &["-u", "+%Y-%m-%d"]).trim().to_owned()
}

/// What a figure was measured on, with what else ran there.
pub fn machine() -> String {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let memory = read("/proc/meminfo");
    let memory = memory
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:")?.split_whitespace().next()?.parse().ok());
    let processors = std::thread::available_parallelism().map_or(0, usize::from);
    format!(
        "{processors} CPUs, {:.0} GiB, kernel {}, load {} at the end",
        memory.unwrap_or(0.0) / 1024.0 / 1024.0,
        read("/proc/sys/kernel/osrelease").trim(),
        read("/proc/loadavg").split(' ').take(3).collect::<Vec<_>>().join(" "),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_replaced_and_the_rest_stays() {
        let before = "a\n<!-- one: made by x -->\nold\n<!-- end of one -->\nz\n";
        let after = "a\n<!-- one: made by x -->\nnew\n<!-- end of one -->\nz\n";
        assert_eq!(replaced(before, "one", "new\n\n").as_deref(), Some(after));
        assert_eq!(replaced(before, "two", "new"), None);
    }
}

use std::fs;
use std::io::Write;
use std::path::PathBuf;

use super::*;
use crate::record::{Mark, PerStream};
use agent_core::testing::FakeRoot;

const ALL: Wanted = Wanted {
    streams: PerStream { stdout: true, stderr: true },
    not_before: i64::MIN,
    last: None,
    multiline: None,
};
const LIMIT: usize = 1024 * 1024;

/// A log as the engine keeps it.
struct Engine {
    root: FakeRoot,
    keep: u32,
    count: u64,
}

impl Engine {
    fn new(keep: u32) -> Self {
        Self { root: FakeRoot::new(), keep, count: 0 }
    }

    fn path(&self) -> PathBuf {
        self.root.path().join("x-json.log")
    }

    fn append(&self, bytes: &[u8]) {
        let mut file = fs::File::options().create(true).append(true).open(self.path()).unwrap();
        file.write_all(bytes).unwrap();
    }

    /// Prints `line N` for the next number.
    fn print(&mut self) {
        self.count += 1;
        let text = format!("line {}\\n", self.count);
        let record = record(&text, self.count);
        self.append(record.as_bytes());
    }

    fn print_many(&mut self, count: u64) {
        for _ in 0..count {
            self.print();
        }
    }

    fn rotate(&self) {
        let name = |age: u32| match age {
            0 => self.path(),
            age => self.root.path().join(format!("x-json.log.{age}")),
        };
        if self.keep == 1 {
            fs::remove_file(self.path()).unwrap();
        }
        for age in (0..self.keep.saturating_sub(1)).rev() {
            if name(age).exists() {
                fs::rename(name(age), name(age + 1)).unwrap();
            }
        }
        fs::write(self.path(), "").unwrap();
    }

    fn open(&self, position: Option<&Position>) -> Reader {
        Reader { file: JsonFile::open(&self.path(), ALL, position).unwrap(), position: position.cloned() }
    }
}

fn record(escaped: &str, second: u64) -> String {
    format!("{{\"log\":\"{escaped}\",\"stream\":\"stdout\",\"time\":\"2016-10-19T23:14:19.{second:09}Z\"}}\n")
}

struct Reader {
    file: JsonFile,
    position: Option<Position>,
}

impl Reader {
    fn read_up_to(&mut self, limit: usize) -> Vec<String> {
        let container = Arc::new(Container { id: "x".to_owned(), ..Container::default() });
        let mut batch = Batch::default();
        self.file.poll(&container, &mut Buffers::default(), &mut batch, limit).unwrap();
        if let Some((_, Mark::At(position))) = batch.marks().first() {
            self.position = Some(Position::clone(position));
        }
        batch.lines().map(|line| String::from_utf8(line.text.to_vec()).unwrap()).collect()
    }

    fn read(&mut self) -> Vec<String> {
        self.read_up_to(LIMIT)
    }

    fn gaps(&mut self) -> Vec<Gap> {
        self.file.take_tallies().gaps
    }
}

fn numbered(from: u64, to: u64) -> Vec<String> {
    (from..=to).map(|n| format!("line {n}")).collect()
}

#[test]
fn lines_are_read_as_they_come() {
    let mut engine = Engine::new(1);
    engine.print_many(3);
    let mut reader = engine.open(None);
    assert_eq!(reader.read(), numbered(1, 3));
    assert!(reader.read().is_empty());
    engine.print();
    assert_eq!(reader.read(), numbered(4, 4));
}

#[test]
fn half_a_record_waits_for_its_other_half() {
    let engine = Engine::new(1);
    let text = record("whole\\n", 1);
    let (first, second) = text.split_at(30);
    engine.append(first.as_bytes());
    let mut reader = engine.open(None);
    assert!(reader.read().is_empty());
    engine.append(second.as_bytes());
    assert_eq!(reader.read(), ["whole"]);
}

#[test]
fn a_full_batch_leaves_the_rest_for_later() {
    let mut engine = Engine::new(1);
    engine.print_many(20_000);
    let mut reader = engine.open(None);
    let first = reader.read_up_to(1);
    assert!(first.len() < 20_000);
    let mut all = first;
    while all.len() < 20_000 {
        all.extend(reader.read_up_to(1));
    }
    assert_eq!(all, numbered(1, 20_000));
}

#[test]
fn rotations_lose_nothing_while_the_files_are_there() {
    let mut engine = Engine::new(3);
    engine.print_many(5);
    let mut reader = engine.open(None);
    assert_eq!(reader.read(), numbered(1, 5));
    engine.print_many(2);
    engine.rotate();
    engine.print_many(2);
    engine.rotate();
    engine.print_many(2);
    assert_eq!(reader.read(), numbered(6, 11));
    assert!(reader.gaps().is_empty());
}

#[test]
fn files_held_open_are_read_after_the_engine_deleted_them() {
    let mut engine = Engine::new(2);
    engine.print_many(5);
    let mut reader = engine.open(None);
    for _ in 0..10 {
        engine.print();
        engine.rotate();
        // As while the sink takes nothing.
        reader.file.look().unwrap();
    }
    assert_eq!(reader.read(), numbered(1, 15));
    assert!(reader.gaps().is_empty());
}

#[test]
fn files_deleted_unseen_are_a_gap() {
    let mut engine = Engine::new(2);
    engine.print_many(5);
    let mut reader = engine.open(None);
    assert_eq!(reader.read(), numbered(1, 5));
    for _ in 0..5 {
        // Filling a file takes a while.
        std::thread::sleep(std::time::Duration::from_millis(20));
        engine.rotate();
        engine.print();
    }
    assert_eq!(reader.read(), numbered(9, 10));
    assert_eq!(reader.gaps(), [Gap::Deleted]);
}

#[test]
fn a_single_file_that_is_replaced_is_followed() {
    let mut engine = Engine::new(1);
    engine.print_many(2);
    let mut reader = engine.open(None);
    assert_eq!(reader.read(), numbered(1, 2));
    engine.print();
    engine.rotate();
    engine.print();
    assert_eq!(reader.read(), numbered(3, 4));
    assert!(reader.gaps().is_empty());
}

#[test]
fn truncation_is_seen_and_reported() {
    let mut engine = Engine::new(1);
    engine.print_many(3);
    let mut reader = engine.open(None);
    assert_eq!(reader.read(), numbered(1, 3));
    fs::write(engine.path(), "").unwrap();
    engine.print();
    assert_eq!(reader.read(), numbered(4, 4));
    assert_eq!(reader.gaps(), [Gap::Truncated]);
}

#[test]
fn truncation_is_seen_also_when_the_file_has_grown_beyond_the_old_size() {
    let mut engine = Engine::new(1);
    engine.print_many(3);
    let mut reader = engine.open(None);
    assert_eq!(reader.read(), numbered(1, 3));
    fs::write(engine.path(), "").unwrap();
    engine.print_many(10);
    assert_eq!(reader.read(), numbered(4, 13));
    assert_eq!(reader.gaps(), [Gap::Truncated]);
}

#[test]
fn damage_costs_only_what_is_damaged() {
    let mut engine = Engine::new(1);
    engine.print();
    engine.append(&[0; 500]);
    engine.print();
    engine.append(&record("half", 9).as_bytes()[..25]);
    engine.print();
    engine.append(b"\n\n");
    engine.print();
    let mut reader = engine.open(None);
    assert_eq!(reader.read(), numbered(1, 4));
    assert_eq!(reader.file.take_tallies().damaged, 2);
}

#[test]
fn a_restart_goes_on_in_the_rotated_file() {
    let mut engine = Engine::new(4);
    engine.print_many(5);
    let mut reader = engine.open(None);
    assert_eq!(reader.read(), numbered(1, 5));
    let position = reader.position;
    engine.print();
    engine.rotate();
    engine.print();
    engine.rotate();
    engine.print();
    let mut reader = engine.open(position.as_ref());
    assert_eq!(reader.read(), numbered(6, 8));
    assert!(reader.gaps().is_empty());
}

#[test]
fn a_restart_after_the_file_was_deleted_takes_what_is_left_and_reports() {
    let mut engine = Engine::new(2);
    engine.print_many(5);
    let mut reader = engine.open(None);
    reader.read();
    let position = reader.position;
    for _ in 0..4 {
        engine.rotate();
        engine.print();
    }
    let mut reader = engine.open(position.as_ref());
    assert_eq!(reader.read(), numbered(8, 9));
    assert_eq!(reader.gaps(), [Gap::Deleted]);
}

#[test]
fn a_restart_behind_an_api_position_repeats_nothing() {
    let mut engine = Engine::new(1);
    engine.print_many(5);
    let mut reader = engine.open(None);
    reader.read();
    let position = Position { file: None, ..reader.position.unwrap() };
    engine.print_many(2);
    assert_eq!(engine.open(Some(&position)).read(), numbered(6, 7));
}

#[test]
fn a_restart_within_a_long_line_takes_it_whole() {
    let engine = Engine::new(1);
    let piece = "x".repeat(16 * 1024);
    engine.append(record(&piece, 1).as_bytes());
    let mut reader = engine.open(None);
    assert!(reader.read().is_empty());
    let position = reader.position;
    engine.append(record("end\\n", 1).as_bytes());
    assert_eq!(engine.open(position.as_ref()).read(), [format!("{piece}end")]);
}

#[test]
fn a_line_across_two_files_is_joined() {
    let engine = Engine::new(2);
    let piece = "x".repeat(16 * 1024);
    engine.append(record(&piece, 1).as_bytes());
    let mut reader = engine.open(None);
    assert!(reader.read().is_empty());
    engine.rotate();
    engine.append(record("end\\n", 1).as_bytes());
    assert_eq!(reader.read(), [format!("{piece}end")]);
}

#[test]
fn the_greatest_record_fits() {
    let engine = Engine::new(1);
    engine.append(record(&"\\u0000".repeat(16 * 1024), 1).as_bytes());
    let attributes = "a".repeat(400 * 1024);
    engine.append(
        format!("{{\"log\":\"end\\n\",\"stream\":\"stdout\",\"attrs\":{{\"k\":\"{attributes}\"}},\"time\":\"2016-10-19T23:14:19Z\"}}\n")
            .as_bytes(),
    );
    let lines = engine.open(None).read();
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0].len(), 16 * 1024 + 3);
}

#[test]
fn only_the_last_lines_are_read_where_that_is_wanted() {
    for (last, expected) in [(0, vec![]), (2, numbered(9, 10)), (7, numbered(4, 10)), (100, numbered(1, 10))]
    {
        let mut engine = Engine::new(3);
        engine.print_many(5);
        engine.rotate();
        engine.print_many(3);
        engine.rotate();
        engine.print_many(2);
        let wanted = Wanted { last: Some(last), ..ALL };
        let mut file = JsonFile::open(&engine.path(), wanted, None).unwrap();
        let mut batch = Batch::default();
        file.poll(&Arc::default(), &mut Buffers::default(), &mut batch, usize::MAX).unwrap();
        let got: Vec<_> = batch.lines().map(|line| String::from_utf8(line.text.to_vec()).unwrap()).collect();
        assert_eq!(got, expected, "{last}");
        assert_eq!(file.take_tallies().lines.too_old, 10_u64.saturating_sub(last));
    }
}

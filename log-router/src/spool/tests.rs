use std::fs::OpenOptions;
use std::io::Write;
use std::sync::Arc;

use agent_core::testing::FakeRoot;

use super::*;
use crate::container::Container;
use crate::record::Stream;

fn batch(id: &str, time: i64, text: &[u8]) -> Batch {
    let container =
        Arc::new(Container { id: id.to_owned(), name: format!("name-{id}"), ..Container::default() });
    let mut batch = Batch::default();
    batch.push(&container, Stream::Stdout, time, 0, text);
    batch.mark_at(id, Position { time, ..Position::default() });
    batch
}

fn text(batch: &Batch) -> String {
    batch.lines().map(|line| String::from_utf8_lossy(line.text).into_owned()).collect()
}

fn drain(spool: &mut Spool) -> Vec<String> {
    let mut texts = Vec::new();
    while let Some((at, batch)) = spool.read_front() {
        texts.push(text(&batch));
        spool.pop(at);
    }
    texts
}

#[test]
fn first_in_first_out_also_over_a_restart() {
    let root = FakeRoot::new();
    let folder = root.path().join("spool");
    let mut spool = Spool::open(&folder, 1 << 30, Cursor::default()).unwrap();
    assert!(spool.is_empty() && !folder.exists(), "nothing is made before it is needed");
    for n in 0..3 {
        spool.append(&batch("a", n, format!("{n}").as_bytes())).unwrap();
    }
    let (at, first) = spool.read_front().unwrap();
    assert_eq!(text(&first), "0");
    let delivered = spool.pop(at).unwrap();
    // Killed here, and the entry that was being written is torn.
    drop(spool);
    let path = segment::path(&folder, segment::list(&folder).unwrap()[0]);
    OpenOptions::new().append(true).open(path).unwrap().write_all(&[9, 0, 0, 0, 1, 2, 3, 4, 5]).unwrap();
    let mut spool = Spool::open(&folder, 1 << 30, delivered).unwrap();
    assert_eq!(spool.read_position("a").unwrap().time, 2);
    spool.append(&batch("b", 7, b"behind the torn one")).unwrap();
    assert_eq!(drain(&mut spool), ["1", "2", "behind the torn one"]);
    assert!(!spool.has("a") && !spool.has("b"));
}

#[test]
fn segments_go_once_the_cursor_behind_them_is_remembered() {
    let root = FakeRoot::new();
    let mut spool = Spool::open(root.path(), 4000, Cursor::default()).unwrap();
    for n in 0..4 {
        spool.append(&batch("a", n, &[b'x'; 600])).unwrap();
    }
    let segments = segment::list(root.path()).unwrap().len();
    assert!(segments > 1);
    let mut delivered = Cursor::default();
    while let Some(at) = spool.front() {
        delivered = spool.pop(at).unwrap();
    }
    assert_eq!(segment::list(root.path()).unwrap().len(), segments, "a crash now must find them");
    spool.sweep(delivered);
    assert_eq!(segment::list(root.path()).unwrap(), [0; 0]);
    assert_eq!(spool.bytes(), 0);
    let again = spool.append(&batch("a", 9, b"again")).unwrap();
    assert!(again > delivered, "a place is never used twice");
    let mut spool = Spool::open(root.path(), 4000, delivered).unwrap();
    assert_eq!(drain(&mut spool), ["again"]);
}

#[test]
fn when_full_the_oldest_goes_and_is_counted() {
    let root = FakeRoot::new();
    let mut spool = Spool::open(root.path(), 4000, Cursor::default()).unwrap();
    let mut loss = Loss::default();
    for n in 0..10 {
        let at = spool.append(&batch(&format!("c{n}"), n, &[b'x'; 900])).unwrap();
        let this = spool.shrink(0, |entry| entry == at);
        loss.lines += this.lines;
        loss.names.extend(this.names);
        assert!(spool.bytes() <= 4000 + 1500);
    }
    assert!(loss.lines > 0 && loss.names.contains("name-c0"), "{loss:?}");
    let left = drain(&mut spool).len() as u64;
    assert_eq!(loss.lines + left, 10, "each is there or counted");
    assert!(!spool.has("c0"));
}

#[test]
fn held_files_count_and_what_somebody_has_is_no_loss() {
    let root = FakeRoot::new();
    let mut spool = Spool::open(root.path(), 8000, Cursor::default()).unwrap();
    let first = spool.append(&batch("a", 1, &[b'x'; 2500])).unwrap();
    spool.append(&batch("a", 2, &[b'x'; 2500])).unwrap();
    assert_eq!(spool.shrink(0, |_| false), Loss::default());
    let loss = spool.shrink(6000, |at| at == first);
    assert_eq!((loss.lines, spool.len()), (0, 1));
}

#[test]
fn damage_is_told_and_costs_the_rest_of_its_segment() {
    let root = FakeRoot::new();
    let mut spool = Spool::open(root.path(), 4000, Cursor::default()).unwrap();
    for n in 0..3 {
        spool.append(&batch("a", n, &[b'0' + u8::try_from(n).unwrap(); 1000])).unwrap();
    }
    drop(spool);
    let path = segment::path(root.path(), segment::list(root.path()).unwrap()[1]);
    let mut bytes = fs::read(&path).unwrap();
    let middle = bytes.len() - 50;
    bytes[middle] ^= 1;
    fs::write(&path, bytes).unwrap();
    let mut spool = Spool::open(root.path(), 4000, Cursor::default()).unwrap();
    assert!(spool.take_damage().unwrap().damaged);
    assert_eq!(drain(&mut spool).len(), 2);
}

#[test]
fn another_form_is_refused() {
    let root = FakeRoot::new();
    root.file("000000000001.segment", "log-router spool 2\nsomething");
    let error = Spool::open(root.path(), 4000, Cursor::default()).unwrap_err().to_string();
    assert!(error.contains("000000000001.segment") && error.contains("does not know"), "{error}");
}

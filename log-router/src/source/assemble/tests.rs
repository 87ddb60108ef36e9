use super::*;
use crate::meaning::multiline::{Match, Rule};
use crate::meaning::settings::{MAX_LINE_BYTES, Multiline, Settings};
use proptest::prelude::*;

const ALL: Wanted = Wanted {
    streams: PerStream { stdout: true, stderr: true },
    not_before: i64::MIN,
    last: None,
    multiline: None,
};
const OUT: Stream = Stream::Stdout;
const ERR: Stream = Stream::Stderr;

/// A log as the engine writes it, each record a hundred bytes behind the one before.
type Log = Vec<(Stream, i64, String)>;

fn feed(assembler: &mut Assembler, log: &Log, from: u64, container: &Arc<Container>) -> Vec<Got> {
    let mut batch = Batch::default();
    for (index, (stream, time, text)) in log.iter().enumerate() {
        let offset = index as u64 * 100;
        if offset >= from {
            let piece = Piece { stream: *stream, time: *time, text: text.as_bytes(), offset };
            assembler.push(piece, container, &mut batch);
        }
    }
    got(&batch)
}

type Got = (Stream, i64, u32, String);

fn got(batch: &Batch) -> Vec<Got> {
    let text = |text: &[u8]| String::from_utf8(text.to_vec()).unwrap();
    batch.lines().map(|line| (line.stream, line.time, line.ordinal, text(line.text))).collect()
}

fn log(records: &[(Stream, i64, &str)]) -> Log {
    records.iter().map(|(stream, time, text)| (*stream, *time, (*text).to_owned())).collect()
}

fn lines(records: &[(Stream, i64, &str)]) -> Vec<Got> {
    feed(&mut Assembler::start(ALL), &log(records), 0, &Arc::default())
}

fn line(stream: Stream, time: i64, ordinal: u32, text: &str) -> Got {
    (stream, time, ordinal, text.to_owned())
}

#[test]
fn equal_times_are_numbered_per_stream() {
    assert_eq!(
        lines(&[(OUT, 1, "a\n"), (ERR, 1, "b\n"), (OUT, 1, "c\n"), (OUT, 2, "\n")]),
        [line(OUT, 1, 0, "a"), line(ERR, 1, 0, "b"), line(OUT, 1, 1, "c"), line(OUT, 2, 0, "")]
    );
}

#[test]
fn lines_after_the_end_of_a_run_do_not_carry_its_process() {
    let container = Arc::new(Container { pid: 7, ended: Some(2), ..Container::default() });
    let mut batch = Batch::default();
    let mut assembler = Assembler::start(ALL);
    for (offset, time) in [(0, 1), (1, 2), (2, 3), (3, 4)] {
        assembler.push(Piece { stream: OUT, time, text: b"a\n", offset }, &container, &mut batch);
    }
    assert_eq!(batch.lines().map(|line| line.container.pid).collect::<Vec<_>>(), [7, 7, 0, 0]);
}

#[test]
fn pieces_are_joined_per_stream_also_when_interleaved() {
    let piece = "x".repeat(PIECE_BYTES);
    let other = "y".repeat(PIECE_BYTES);
    assert_eq!(
        lines(&[(OUT, 1, &piece), (ERR, 1, &other), (ERR, 1, "e\n"), (OUT, 1, &piece), (OUT, 1, "o\n")]),
        [line(ERR, 1, 0, &format!("{other}e")), line(OUT, 1, 0, &format!("{piece}{piece}o"))]
    );
}

#[test]
fn a_short_text_without_newline_was_the_last_of_its_stream() {
    assert_eq!(
        lines(&[(OUT, 1, "no end"), (OUT, 9, "next run\n")]),
        [line(OUT, 1, 0, "no end"), line(OUT, 9, 0, "next run")]
    );
}

#[test]
fn a_full_piece_is_not_continued_by_the_next_run() {
    let piece = "x".repeat(PIECE_BYTES);
    let container = Arc::new(Container { started: Some(5), ..Container::default() });
    let records = log(&[(OUT, 1, &piece), (OUT, 9, "next run\n")]);
    assert_eq!(
        feed(&mut Assembler::start(ALL), &records, 0, &container),
        [line(OUT, 1, 0, &piece), line(OUT, 9, 0, "next run")]
    );
}

#[test]
fn a_full_piece_is_passed_on_when_the_container_ended() {
    let piece = "x".repeat(PIECE_BYTES);
    let container = Arc::default();
    let mut assembler = Assembler::start(ALL);
    assert!(feed(&mut assembler, &log(&[(OUT, 1, &piece)]), 0, &container).is_empty());
    let mut batch = Batch::default();
    assembler.finish(&container, &mut batch);
    assert_eq!(got(&batch), [line(OUT, 1, 0, &piece)]);
}

#[test]
fn a_line_without_end_is_cut_so_that_memory_is_bounded() {
    let piece = "x".repeat(PIECE_BYTES);
    let records: Vec<_> = (0..200).map(|_| (OUT, 1, piece.as_str())).collect();
    let mut assembler = Assembler::start(ALL);
    let got = feed(&mut assembler, &log(&records), 0, &Arc::default());
    assert_eq!(got.len(), 3);
    assert!(got.iter().all(|(.., text)| text.len() == MAX_LINE_BYTES));
    let tally = assembler.take_tally();
    assert_eq!((tally.too_old, tally.split), (0, 3));
}

#[test]
fn lines_before_the_start_are_counted_and_left_out() {
    let wanted = Wanted { not_before: 5, ..ALL };
    let mut assembler = Assembler::start(wanted);
    let records = log(&[(OUT, 3, "old\n"), (OUT, 6, "new\n"), (ERR, 4, "late\n")]);
    assert_eq!(
        feed(&mut assembler, &records, 0, &Arc::default()),
        [
            line(OUT, 6, 0, "new"),
            // Once begun, everything counts: times may step back a little.
            line(ERR, 4, 0, "late")
        ]
    );
    assert_eq!(assembler.take_tally().too_old, 1);
}

#[test]
fn unwanted_streams_are_left_out_but_move_the_position() {
    let wanted = Wanted { streams: PerStream { stdout: false, stderr: true }, ..ALL };
    let mut assembler = Assembler::start(wanted);
    let got = feed(&mut assembler, &log(&[(OUT, 1, "a\n"), (ERR, 2, "b\n")]), 0, &Arc::default());
    assert_eq!(got, [line(ERR, 2, 0, "b")]);
    assert_eq!(assembler.position(None, 200).unwrap().offset(), 200);
}

#[test]
fn a_terminals_carriage_return_is_not_part_of_the_line() {
    let container = Arc::new(Container { terminal: true, ..Container::default() });
    let records = log(&[(OUT, 1, "a\rb\r\n")]);
    assert_eq!(feed(&mut Assembler::start(ALL), &records, 0, &container), [line(OUT, 1, 0, "a\rb")]);
}

#[test]
fn no_position_while_a_line_spans_two_files() {
    let piece = "x".repeat(PIECE_BYTES);
    let container = Arc::default();
    let mut assembler = Assembler::start(ALL);
    feed(&mut assembler, &log(&[(OUT, 1, &piece)]), 0, &container);
    assert_eq!(assembler.position(None, 100).unwrap().offset(), 0);
    assembler.next_file();
    assert_eq!(assembler.position(None, 0), None);
    assert_eq!(feed(&mut assembler, &log(&[(OUT, 1, "end\n")]), 0, &container).len(), 1);
    assert_eq!(assembler.position(None, 100).unwrap().offset(), 100);
}

fn any_log() -> impl Strategy<Value = Log> {
    let text = prop_oneof![
        4 => Just("line\n".to_owned()),
        1 => Just("no end".to_owned()),
        3 => Just("p".repeat(PIECE_BYTES)),
    ];
    let record = (prop_oneof![Just(OUT), Just(ERR)], 0_i64..3, text);
    proptest::collection::vec(record, 0..20).prop_map(|records| {
        let mut time = 100;
        let mut log = Log::new();
        for (stream, step, text) in records {
            // All pieces of a line carry the time of the first.
            let continued =
                log.iter().rev().find(|(s, ..)| *s == stream).filter(|(.., text)| text.len() >= PIECE_BYTES);
            let piece_time = continued.map(|(_, time, _)| *time);
            time += step;
            log.push((stream, piece_time.unwrap_or(time), text));
        }
        log
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Killed anywhere, then going on in the same file: no line is missing, none comes twice, ordinals are the same.
    #[test]
    fn a_position_in_a_file_is_exact(log in any_log(), cut in 0_usize..20) {
        let container = Arc::default();
        let expected = feed(&mut Assembler::start(ALL), &log, 0, &container);
        let cut = cut.min(log.len());
        let mut first = Assembler::start(ALL);
        let mut got = feed(&mut first, &log[..cut].to_vec(), 0, &container);
        let position = first.position(None, cut as u64 * 100).unwrap();
        let mut second = Assembler::resume_in_file(ALL, &position);
        got.extend(feed(&mut second, &log, position.offset(), &container));
        for stream in Stream::ALL {
            let of = |lines: &[Got]| lines.iter().filter(|(s, ..)| *s == stream).cloned().collect::<Vec<_>>();
            prop_assert_eq!(of(&got), of(&expected));
        }
    }

    /// The same by time alone, from any record at or before the position's time on, as the engine's API gives them.
    #[test]
    fn a_position_in_time_is_exact(log in any_log(), cut in 0_usize..20) {
        let container = Arc::default();
        let whole = |log: &Log| feed(&mut Assembler::start(ALL), log, 0, &container);
        let expected = whole(&log);
        let cut = cut.min(log.len());
        let mut first = Assembler::start(ALL);
        let mut got = feed(&mut first, &log[..cut].to_vec(), 0, &container);
        let position = first.position(None, 0).unwrap();
        let mut second = Assembler::resume_by_time(ALL, &position);
        got.extend(feed(&mut second, &log, 0, &container));
        for stream in Stream::ALL {
            let of = |lines: &[Got]| lines.iter().filter(|(s, ..)| *s == stream).cloned().collect::<Vec<_>>();
            prop_assert_eq!(of(&got), of(&expected));
        }
    }
}

fn joining(rule: Rule) -> Arc<Container> {
    let settings = Settings { multiline: Multiline::By(rule), ..Settings::default() };
    Arc::new(Container { settings: Arc::new(settings), ..Container::default() })
}

#[test]
fn events_are_joined_by_stream_and_passed_on_when_the_next_begins() {
    let container = joining(Rule::traces());
    let records =
        [(OUT, 1, "ERROR: a\n"), (ERR, 2, "b\n"), (OUT, 3, "\tat x\n"), (ERR, 4, "c\n"), (OUT, 5, "d\n")];
    let mut assembler = Assembler::start(ALL);
    let passed = feed(&mut assembler, &log(&records), 0, &container);
    assert_eq!(passed, [line(ERR, 2, 0, "b"), line(OUT, 1, 0, "ERROR: a\n\tat x")]);
    assert!(assembler.is_unfinished());
    let position = assembler.position(None, 500).unwrap();
    assert_eq!((position.streams.stdout.offset, position.streams.stderr.offset), (400, 300));
    let mut batch = Batch::default();
    assert!(assembler.flush(&container, &mut batch));
    assert_eq!(got(&batch), [line(OUT, 5, 0, "d"), line(ERR, 4, 0, "c")]);
    assert!(!assembler.flush(&container, &mut batch), "once");
    assert_eq!(assembler.position(None, 500).unwrap().offset(), 500);
}

#[test]
fn a_line_that_comes_late_is_an_event_of_its_own() {
    let container = joining(Rule::by_pattern("^ ", Match::NonFirst).unwrap());
    let records = log(&[
        (OUT, 0, "a\n"),
        (OUT, 400_000_000, " b\n"),
        (OUT, 2_000_000_000, " c\n"),
        (OUT, 2_000_000_001, "d\n"),
    ]);
    let got = feed(&mut Assembler::start(ALL), &records, 0, &container);
    assert_eq!(got, [line(OUT, 0, 0, "a\n b"), line(OUT, 2_000_000_000, 0, " c")]);
}

#[test]
fn a_route_joins_what_the_container_does_not_forbid() {
    let rule = RouteRule { rule: Rule::by_pattern("^ ", Match::NonFirst).unwrap(), by_default: true };
    let wanted = Wanted { multiline: Some(Arc::new(rule)), ..ALL };
    let records = log(&[(OUT, 1, "a\n"), (OUT, 1, " b\n"), (OUT, 1, "c\n")]);
    let joined = feed(&mut Assembler::start(wanted.clone()), &records, 0, &Arc::default());
    assert_eq!(joined, [line(OUT, 1, 0, "a\n b")]);
    let settings = Settings { multiline: Multiline::Never, ..Settings::default() };
    let container = Arc::new(Container { settings: Arc::new(settings), ..Container::default() });
    assert_eq!(feed(&mut Assembler::start(wanted), &records, 0, &container).len(), 3);
}

#[test]
fn settings_leave_out_and_count() {
    let settings = Settings { least_severity: 4, rate_limit: Some(2), ..Settings::default() };
    let container = Arc::new(Container { settings: Arc::new(settings), ..Container::default() });
    let mut assembler = Assembler::start(ALL);
    let mut records = log(&[(OUT, 1, "INFO: a\n"), (OUT, 2, "WARN: b\n")]);
    records.extend((3..8).map(|time| (OUT, time, format!("ERROR: {time}\n"))));
    let got = feed(&mut assembler, &records, 0, &container);
    assert_eq!(got, [line(OUT, 2, 0, "WARN: b"), line(OUT, 3, 0, "ERROR: 3")]);
    let tally = assembler.take_tally();
    assert_eq!((tally.below_level, tally.rate_limited, tally.read.stdout), (1, 4, 7));
    assert_eq!(tally.severities, [0, 0, 0, 5, 1, 0, 1, 0]);
}

#[test]
fn parts_are_marked_and_end_at_characters() {
    let settings = Settings { max_line_bytes: 5, ..Settings::default() };
    let container = Arc::new(Container { settings: Arc::new(settings), ..Container::default() });
    let mut batch = Batch::default();
    let mut assembler = Assembler::start(ALL);
    let piece = Piece { stream: OUT, time: 1, text: "ab\u{e9}\u{e9}\u{e9}d\n".as_bytes(), offset: 0 };
    assembler.push(piece, &container, &mut batch);
    let parts: Vec<_> = batch
        .lines()
        .map(|line| (String::from_utf8(line.text.to_vec()).unwrap(), line.part.unwrap()))
        .collect();
    let part = |text: &str, number, last| (text.to_owned(), Part { number, last });
    assert_eq!(parts, [part("ab\u{e9}", 1, false), part("\u{e9}\u{e9}d", 2, true)]);
}

proptest! {
    /// Read on from any position, with events under way or not: the same events, none twice and none missing.
    #[test]
    fn joined_events_survive_a_restart_anywhere(
        records in proptest::collection::vec((any::<bool>(), 0_i64..4, 0_usize..5), 1..40),
        cut in 0_usize..40,
    ) {
        let texts = ["ERROR: x\n", "\tat y\n", "plain\n", "Traceback (most recent call last):\n", "ValueError: z\n"];
        let mut time = 0;
        let log: Log = records.iter().map(|(out, step, text)| {
            time += step;
            (if *out { OUT } else { ERR }, time, texts[*text].to_owned())
        }).collect();
        let cut = cut.min(log.len());
        let container = joining(Rule::traces());
        let mut all = Assembler::start(ALL);
        let mut whole = feed(&mut all, &log, 0, &container);
        let mut batch = Batch::default();
        all.flush(&container, &mut batch);
        whole.extend(got(&batch));
        let mut first = Assembler::start(ALL);
        let mut parts = feed(&mut first, &log[..cut].to_vec(), 0, &container);
        let position = first.position(None, cut as u64 * 100).unwrap();
        let mut second = Assembler::resume_in_file(ALL, &position);
        parts.extend(feed(&mut second, &log, position.offset(), &container));
        let mut batch = Batch::default();
        second.flush(&container, &mut batch);
        parts.extend(got(&batch));
        let (mut whole, mut parts) = (whole, parts);
        whole.sort_by_key(|(stream, time, ordinal, _)| (stream.name(), *time, *ordinal));
        parts.sort_by_key(|(stream, time, ordinal, _)| (stream.name(), *time, *ordinal));
        prop_assert_eq!(whole, parts);
    }
}

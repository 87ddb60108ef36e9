//! From records to lines: joins the pieces of long lines, leaves out what was delivered before or is not wanted, numbers
//! lines with equal times, and knows the position that results. Both sources feed it; it does no IO.

mod group;

use std::sync::Arc;
use std::time::Instant;

use self::group::Group;
use crate::container::Container;
use crate::meaning::mask;
use crate::meaning::multiline::MOST_LINES;
use crate::meaning::rate::{Bucket, is_sampled};
use crate::meaning::settings::RouteRule;
use crate::position::{FileIdentity, Position, StreamPosition};
use crate::priority::Priority;
use crate::record::{Batch, Event, Part, PerStream, Stream};

/// The engine cuts longer lines into pieces of exactly this many bytes. A shorter text without a newline is the end of a
/// stream that did not end its last line.
const PIECE_BYTES: usize = 16 * 1024;

/// Which lines of a container are wanted.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// By stream.
    pub streams: PerStream<bool>,
    /// Lines before this time are left out where no position says what was delivered.
    pub not_before: i64,
    /// Only so many of the last lines are wanted where no position says what was delivered.
    pub last: Option<u64>,
    /// How the route joins lines into events.
    pub multiline: Option<Arc<RouteRule>>,
}

/// What was left out, for the metrics.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// Lines that were read, those left out among them.
    pub read: PerStream<u64>,
    /// Their bytes.
    pub bytes: u64,
    /// Events by severity, those left out among them.
    pub severities: [u64; 8],
    /// Events of less weight than the container's label asks for.
    pub below_level: u64,
    /// Events that sampling left out.
    pub sampled: u64,
    /// Events over the container's limit.
    pub rate_limited: u64,
    /// Events in which something was masked.
    pub masked: u64,
    /// Lines older than `--start` allows.
    pub too_old: u64,
    /// Lines over the limit, each time they were cut.
    pub split: u64,
}

/// A record as a source reads it.
#[derive(Debug, Clone, Copy)]
pub struct Piece<'a> {
    /// The stream.
    pub stream: Stream,
    /// Nanoseconds of Unix time; pieces of one line share the first one's.
    pub time: i64,
    /// The text, with its newline where there is one.
    pub text: &'a [u8],
    /// Where the record begins in its file; 0 for sources without offsets.
    pub offset: u64,
}

/// The beginning of an unfinished line.
#[derive(Debug, Clone, Copy)]
struct Began {
    time: i64,
    offset: u64,
    /// The offset counts in the file before this one.
    in_last_file: bool,
    /// Its other pieces are lost.
    cut: bool,
}

#[derive(Debug, Default)]
struct StreamState {
    /// The pieces of an unfinished line.
    unfinished: Vec<u8>,
    began: Option<Began>,
    /// Time of the last line and how many had it.
    time: i64,
    count: u32,
    /// Records that begin before this byte were delivered before.
    skip_offset: u64,
    /// Lines before this time and number were delivered before; ended by the first line that was not.
    skip_lines: Option<(i64, u32)>,
    /// Parts of the unfinished line that are on their way.
    parts: u32,
    /// The event that waits for its next line.
    group: Option<Group>,
}

/// The state of one container's log.
#[derive(Debug)]
pub struct Assembler {
    streams: PerStream<StreamState>,
    wanted: Wanted,
    /// No line was new enough so far.
    starting: bool,
    /// Time of the newest record.
    newest: i64,
    /// A container whose run ended, and what its lines of the next run carry until the engine tells of that.
    next_run: Option<(Arc<Container>, Arc<Container>)>,
    bucket: Bucket,
    tally: Tally,
}

impl Assembler {
    /// Begins a log that nothing is known of.
    pub fn start(wanted: Wanted) -> Self {
        Self {
            streams: PerStream::default(),
            wanted,
            starting: true,
            newest: 0,
            next_run: None,
            bucket: Bucket::default(),
            tally: Tally::default(),
        }
    }

    /// Goes on behind a position in the same file.
    pub fn resume_in_file(wanted: Wanted, position: &Position) -> Self {
        let streams = position.streams.map(|&StreamPosition { offset, time, count }| StreamState {
            time,
            count,
            skip_offset: offset,
            ..StreamState::default()
        });
        Self { streams, starting: false, newest: position.time, ..Self::start(wanted) }
    }

    /// Goes on behind a position by time alone: what comes may begin before it.
    pub fn resume_by_time(wanted: Wanted, position: &Position) -> Self {
        let streams = position.streams.map(|&StreamPosition { time, count, .. }| StreamState {
            skip_lines: (count > 0).then_some((time, count)),
            ..StreamState::default()
        });
        Self { streams, starting: false, newest: position.time, ..Self::start(wanted) }
    }

    /// Takes the next record.
    pub fn push(&mut self, piece: Piece<'_>, container: &Arc<Container>, batch: &mut Batch) {
        let state = self.streams.get_mut(piece.stream);
        if piece.offset < state.skip_offset {
            return;
        }
        self.newest = self.newest.max(piece.time);
        // What an earlier run of the container left unfinished is no beginning of this run's first line.
        let earlier_run =
            |began: Began| container.started.is_some_and(|at| began.time < at && piece.time >= at);
        if state.began.is_some_and(|began| began.cut || earlier_run(began)) {
            self.finish_stream(piece.stream, container, batch);
        }
        let (text, ended) = match piece.text.strip_suffix(b"\n") {
            Some(text) => (text, true),
            None => (piece.text, piece.text.len() < PIECE_BYTES),
        };
        let state = self.streams.get_mut(piece.stream);
        let began = Began { time: piece.time, offset: piece.offset, in_last_file: false, cut: false };
        let longest = container.settings.max_line_bytes;
        if ended && state.began.is_none() && state.parts == 0 && text.len() <= longest {
            return self.emit(piece.stream, began, text, None, container, batch);
        }
        state.began.get_or_insert(began);
        state.unfinished.extend_from_slice(text);
        if ended {
            self.finish_stream(piece.stream, container, batch);
        } else if state.unfinished.len() + PIECE_BYTES > longest {
            self.pass_parts(piece.stream, false, container, batch);
        }
    }

    /// The container ended: what is unfinished stays as it is.
    pub fn finish(&mut self, container: &Arc<Container>, batch: &mut Batch) {
        for stream in Stream::ALL {
            self.finish_stream(stream, container, batch);
        }
        self.flush(container, batch);
    }

    /// Whether a line or an event is unfinished.
    pub fn is_unfinished(&self) -> bool {
        self.streams.iter().any(|state| state.began.is_some() || state.group.is_some())
    }

    /// Whether an event waits for its next line.
    pub fn is_waiting(&self) -> bool {
        self.streams.iter().any(|state| state.group.is_some())
    }

    /// Passes on events that have waited long enough for their next line; true where there were any.
    pub fn flush_due(&mut self, container: &Arc<Container>, batch: &mut Batch) -> bool {
        if !self.is_waiting() {
            return false;
        }
        let now = Instant::now();
        self.flush_where(|group| group.is_due(now), container, batch)
    }

    /// Passes on all events that wait for their next line; true where there were any.
    pub fn flush(&mut self, container: &Arc<Container>, batch: &mut Batch) -> bool {
        self.flush_where(|_| true, container, batch)
    }

    fn flush_where(
        &mut self,
        is_due: impl Fn(&Group) -> bool,
        container: &Arc<Container>,
        batch: &mut Batch,
    ) -> bool {
        let mut flushed = false;
        for stream in Stream::ALL {
            if self.streams.get(stream).group.as_ref().is_some_and(&is_due) {
                self.end_group(stream, container, batch);
                flushed = true;
            }
        }
        flushed
    }

    /// The next file begins: offsets count anew.
    pub fn next_file(&mut self) {
        for stream in Stream::ALL {
            let state = self.streams.get_mut(stream);
            state.skip_offset = 0;
            if let Some(began) = &mut state.began {
                began.in_last_file = true;
            }
            if let Some(group) = &mut state.group {
                group.began.in_last_file = true;
            }
        }
    }

    /// Records are missing here: what is unfinished will not be continued.
    pub fn cut(&mut self) {
        for stream in Stream::ALL {
            if let Some(began) = &mut self.streams.get_mut(stream).began {
                began.cut = true;
            }
        }
    }

    /// Lines before the first one that is read are not wanted.
    pub fn skipped(&mut self, lines: u64) {
        self.tally.too_old += lines;
    }

    /// Time of the newest record so far.
    pub fn newest(&self) -> i64 {
        self.newest
    }

    /// What was left out since this was asked last.
    pub fn take_tally(&mut self) -> Tally {
        std::mem::take(&mut self.tally)
    }

    /// The position after everything that was pushed, `read_to` being where the next record of the file begins.
    ///
    /// `None` while a line is unfinished that began in the file before: no position can say that, so the last one
    /// stays.
    pub fn position(&self, file: Option<FileIdentity>, read_to: u64) -> Option<Position> {
        // The lines of an event that waits come before an unfinished line.
        let began = |state: &StreamState| state.group.as_ref().map(|group| group.began).or(state.began);
        let unfinished = || self.streams.iter().filter_map(began);
        if unfinished().any(|began| began.in_last_file) {
            return None;
        }
        let streams = self.streams.map(|state| {
            let behind = state.group.as_ref().map_or((state.time, state.count), |group| group.before);
            let (time, count) = state.skip_lines.unwrap_or(behind);
            let offset = began(state).map_or(read_to.max(state.skip_offset), |began| began.offset);
            StreamPosition { offset, time, count }
        });
        let time = unfinished().map(|began| began.time).min().unwrap_or(self.newest);
        Some(Position { file, time, streams })
    }

    fn finish_stream(&mut self, stream: Stream, container: &Arc<Container>, batch: &mut Batch) {
        if self.streams.get(stream).began.is_some() {
            self.pass_parts(stream, true, container, batch);
        }
    }

    /// Passes on what there is of a line: as a whole if it is one, else in parts. A part ends where a record ends, so
    /// that a position can say so.
    fn pass_parts(&mut self, stream: Stream, ended: bool, container: &Arc<Container>, batch: &mut Batch) {
        let longest = container.settings.max_line_bytes.max(1);
        let state = self.streams.get_mut(stream);
        let Some(began) = state.began.take() else { return };
        // Long lines are rare: their memory is not kept.
        let text = std::mem::take(&mut state.unfinished);
        let mut number = std::mem::take(&mut state.parts);
        if number == 0 && ended && text.len() <= longest {
            return self.emit(stream, began, &text, None, container, batch);
        }
        let mut rest = text.as_slice();
        loop {
            let (part, after) = rest.split_at(end_of_part(rest, longest));
            number += 1;
            let last = ended && after.is_empty();
            self.tally.split += u64::from(!last);
            self.emit(stream, began, part, Some(Part { number, last }), container, batch);
            rest = after;
            if rest.is_empty() {
                break;
            }
        }
        if !ended {
            self.streams.get_mut(stream).parts = number;
        }
    }

    fn emit(
        &mut self,
        stream: Stream,
        began: Began,
        text: &[u8],
        part: Option<Part>,
        container: &Arc<Container>,
        batch: &mut Batch,
    ) {
        let time = began.time;
        let state = self.streams.get_mut(stream);
        let before = (state.time, state.count);
        state.count = if state.time == time { state.count + 1 } else { 1 };
        state.time = time;
        let ordinal = state.count - 1;
        if let Some(delivered) = state.skip_lines {
            if (time, ordinal) < delivered {
                return;
            }
            state.skip_lines = None;
        }
        if self.starting {
            if time < self.wanted.not_before {
                self.tally.too_old += 1;
                return;
            }
            self.starting = false;
        }
        *self.tally.read.get_mut(stream) += 1;
        self.tally.bytes += text.len() as u64;
        if *self.wanted.streams.get(stream) {
            let text = if container.terminal { text.strip_suffix(b"\r").unwrap_or(text) } else { text };
            self.join(stream, (began, before, ordinal), text, part, container, batch);
        }
    }

    /// Puts a line to the event that it belongs to; without a rule each is its own.
    fn join(
        &mut self,
        stream: Stream,
        (began, before, ordinal): (Began, (i64, u32), u32),
        text: &[u8],
        part: Option<Part>,
        container: &Arc<Container>,
        batch: &mut Batch,
    ) {
        let route = self.wanted.multiline.clone();
        let rule = container.settings.rule(route.as_deref()).filter(|_| part.is_none());
        let Some(rule) = rule else {
            self.end_group(stream, container, batch);
            return self.pass(stream, began.time, ordinal, part, text, container, batch);
        };
        let full = |group: &Group| {
            group.lines >= MOST_LINES
                || group.text.len() + text.len() > container.settings.max_line_bytes
                || group.is_over(began.time)
        };
        if self.streams.get(stream).group.as_ref().is_some_and(full) {
            self.end_group(stream, container, batch);
        }
        let verdict = rule.judge(text, self.streams.get(stream).group.as_ref().map(|group| group.trace));
        if !verdict.joins {
            self.end_group(stream, container, batch);
        }
        match &mut self.streams.get_mut(stream).group {
            Some(group) => group.add(rule, began.time, verdict.trace, text),
            group @ None => *group = Some(Group::new(rule, began, before, ordinal, verdict.trace, text)),
        }
        if verdict.ends {
            self.end_group(stream, container, batch);
        }
    }

    fn end_group(&mut self, stream: Stream, container: &Arc<Container>, batch: &mut Batch) {
        if let Some(group) = self.streams.get_mut(stream).group.take() {
            self.pass(stream, group.began.time, group.ordinal, None, &group.text, container, batch);
        }
    }

    /// Passes on what the container's settings leave of an event.
    #[expect(
        clippy::too_many_arguments,
        reason = "an event has that many parts, and none is worth a name twice"
    )]
    fn pass(
        &mut self,
        stream: Stream,
        time: i64,
        ordinal: u32,
        part: Option<Part>,
        text: &[u8],
        container: &Arc<Container>,
        batch: &mut Batch,
    ) {
        let next_run;
        let container = if container.is_over_at(time) {
            next_run = self.next_run(container);
            &next_run
        } else {
            container
        };
        let settings = &container.settings;
        let priority = Priority::detect(settings.detect, stream, time, text);
        let severity = priority.severity();
        if let Some(count) = self.tally.severities.get_mut(usize::from(severity)) {
            *count += 1;
        }
        if severity > settings.least_severity {
            self.tally.below_level += 1;
            return;
        }
        if severity > LEAST_SAMPLED && !is_sampled(time, ordinal, settings.sample) {
            self.tally.sampled += 1;
            return;
        }
        if settings.rate_limit.is_some_and(|limit| !self.bucket.takes(time, limit)) {
            self.tally.rate_limited += 1;
            return;
        }
        let mut event = Event { stream, time, ordinal, priority, part, text };
        if settings.mask.is_empty() {
            return batch.push_event(container, &event);
        }
        let masked = mask::mask(&settings.mask, text);
        self.tally.masked += u64::from(matches!(masked, std::borrow::Cow::Owned(_)));
        event.text = &masked;
        batch.push_event(container, &event);
    }

    fn next_run(&mut self, ended: &Arc<Container>) -> Arc<Container> {
        match &self.next_run {
            Some((known, next)) if Arc::ptr_eq(known, ended) => Arc::clone(next),
            _ => {
                let next = Arc::new(ended.next_run());
                self.next_run = Some((Arc::clone(ended), Arc::clone(&next)));
                next
            }
        }
    }
}

/// Warnings and worse are never sampled.
const LEAST_SAMPLED: u8 = 4;

/// At most `longest` bytes, and no character cut in two where the text is UTF-8.
fn end_of_part(text: &[u8], longest: usize) -> usize {
    if text.len() <= longest {
        return text.len();
    }
    let within = |end: &usize| text.get(*end).is_some_and(|byte| byte & 0xc0 == 0x80);
    (longest.saturating_sub(3)..=longest).rev().find(|end| *end > 0 && !within(end)).unwrap_or(longest)
}

#[cfg(test)]
mod tests;

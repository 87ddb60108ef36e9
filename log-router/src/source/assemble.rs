//! From records to lines: joins the pieces of long lines, leaves out what was delivered before or is not wanted, numbers
//! lines with equal times, and knows the position that results. Both sources feed it; it does no IO.

use std::sync::Arc;

use crate::container::Container;
use crate::position::{FileIdentity, Position, StreamPosition};
use crate::record::{Batch, PerStream, Stream};

/// The engine cuts longer lines into pieces of exactly this many bytes. A shorter text without a newline is the end of a
/// stream that did not end its last line.
const PIECE_BYTES: usize = 16 * 1024;

/// A joined line that grows beyond this is passed on in parts, so that memory stays bounded.
const LONGEST_LINE: usize = 1024 * 1024;

/// Which lines of a container are wanted.
#[derive(Debug, Clone, Copy)]
pub struct Wanted {
    /// By stream.
    pub streams: PerStream<bool>,
    /// Lines before this time are left out where no position says what was delivered.
    pub not_before: i64,
}

/// What was left out, for the metrics.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
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
    tally: Tally,
}

impl Assembler {
    /// Begins a log that nothing is known of.
    pub fn start(wanted: Wanted) -> Self {
        Self { streams: PerStream::default(), wanted, starting: true, newest: 0, tally: Tally::default() }
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
        if ended && state.began.is_none() {
            return self.emit(piece.stream, piece.time, text, container, batch);
        }
        state.began.get_or_insert(Began {
            time: piece.time,
            offset: piece.offset,
            in_last_file: false,
            cut: false,
        });
        state.unfinished.extend_from_slice(text);
        let too_long = !ended && state.unfinished.len() > LONGEST_LINE;
        self.tally.split += u64::from(too_long);
        if ended || too_long {
            self.finish_stream(piece.stream, container, batch);
        }
    }

    /// The container ended: what is unfinished stays as it is.
    pub fn finish(&mut self, container: &Arc<Container>, batch: &mut Batch) {
        for stream in Stream::ALL {
            self.finish_stream(stream, container, batch);
        }
    }

    /// Whether a line is unfinished.
    pub fn is_unfinished(&self) -> bool {
        self.streams.iter().any(|state| state.began.is_some())
    }

    /// The next file begins: offsets count anew.
    pub fn next_file(&mut self) {
        for stream in Stream::ALL {
            let state = self.streams.get_mut(stream);
            state.skip_offset = 0;
            if let Some(began) = &mut state.began {
                began.in_last_file = true;
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
        let unfinished = || self.streams.iter().filter_map(|state| state.began);
        if unfinished().any(|began| began.in_last_file) {
            return None;
        }
        let streams = self.streams.map(|state| {
            let (time, count) = state.skip_lines.unwrap_or((state.time, state.count));
            let offset = state.began.map_or(read_to.max(state.skip_offset), |began| began.offset);
            StreamPosition { offset, time, count }
        });
        let time = unfinished().map(|began| began.time).min().unwrap_or(self.newest);
        Some(Position { file, time, streams })
    }

    fn finish_stream(&mut self, stream: Stream, container: &Arc<Container>, batch: &mut Batch) {
        let state = self.streams.get_mut(stream);
        if let Some(began) = state.began.take() {
            // Long lines are rare: their memory is not kept.
            let text = std::mem::take(&mut state.unfinished);
            self.emit(stream, began.time, &text, container, batch);
        }
    }

    fn emit(
        &mut self,
        stream: Stream,
        time: i64,
        text: &[u8],
        container: &Arc<Container>,
        batch: &mut Batch,
    ) {
        let state = self.streams.get_mut(stream);
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
        if *self.wanted.streams.get(stream) {
            let text = if container.terminal { text.strip_suffix(b"\r").unwrap_or(text) } else { text };
            batch.push(container, stream, time, ordinal, text);
        }
    }
}

#[cfg(test)]
mod tests;

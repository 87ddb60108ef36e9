//! Reading a container's lines from the engine: for log drivers without files and for files that cannot be read here.
//!
//! A task follows the stream and hands over pieces through a small channel; the engine waits when we do. A stream may
//! end for any reason, so the next one asks from shortly before the newest line and leaves out what was had already.

mod frame;
mod session;

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use agent_core::backoff::Backoff;
use agent_core::docker::bollard::Docker;
use tokio::sync::Notify;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use self::frame::Frame;
use self::session::{End, Item};
use super::assemble::{Assembler, Piece, Wanted};
use super::{Gap, Progress, Tallies};
use crate::container::Container;
use crate::position::Position;
use crate::record::Batch;

const SECOND: i64 = 1_000_000_000;
/// The two streams' lines are not ordered among each other: ask from this much before the newest.
const OVERLAP: i64 = 2 * SECOND;
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// Lists of frames that wait between the task and us.
const CAPACITY: usize = 4;

/// One container's lines by the engine's API.
#[derive(Debug)]
pub struct Api {
    docker: Docker,
    id: String,
    wanted: Wanted,
    wake: Arc<Notify>,
    assembler: Assembler,
    state: State,
    backoff: Backoff,
    /// Whether the stream brought anything new.
    brought: bool,
    /// The stream brought nothing at all yet.
    first: bool,
    /// Whether the engine has given any stream of it.
    answered: bool,
    /// The run of the container that the last stream was asked for.
    asked_for: Option<i64>,
    tallies: Tallies,
}

#[derive(Debug)]
enum State {
    Open {
        items: mpsc::Receiver<Item>,
        task: JoinHandle<()>,
    },
    /// Ended; to be opened again at this time.
    Pausing(Instant),
    /// Everything of an ended container has been had.
    Resting,
    /// The engine will never give more.
    Over,
    /// There is no reader for its driver.
    Unreadable,
}

impl Api {
    /// Begins behind a position, or with the first wanted line.
    pub fn new(
        docker: Docker,
        container: &Arc<Container>,
        wanted: Wanted,
        position: Option<&Position>,
        wake: Arc<Notify>,
    ) -> Self {
        let assembler = match position {
            Some(position) => Assembler::resume_by_time(wanted.clone(), position),
            None => Assembler::start(wanted.clone()),
        };
        Self {
            docker,
            id: container.id.clone(),
            wanted,
            wake,
            assembler,
            state: State::Pausing(Instant::now()),
            backoff: Backoff::new(FIRST_PAUSE, LONGEST_PAUSE),
            brought: false,
            first: true,
            answered: false,
            asked_for: None,
            tallies: Tallies::default(),
        }
    }

    /// Takes what has come, up to `limit` bytes in the batch, and marks how far it came. Never waits.
    pub fn poll(
        &mut self,
        container: &Arc<Container>,
        batch: &mut Batch,
        limit: usize,
    ) -> io::Result<Progress> {
        let mut progress = Progress::default();
        self.open_where_due(container);
        while let State::Open { items, .. } = &mut self.state {
            match items.try_recv() {
                Ok(Item::Frames(frames)) => {
                    for frame in &frames {
                        self.take(frame, container, batch);
                        progress.bytes += frame.text.len() as u64 + 1;
                    }
                }
                Ok(Item::End(end)) => self.end(&end, container, batch),
                Err(mpsc::error::TryRecvError::Empty) => break,
                // The task was cut off, as at the end of the process.
                Err(mpsc::error::TryRecvError::Disconnected) => self.pause(),
            }
            if batch.bytes() >= limit {
                progress.more = true;
                break;
            }
        }
        if self.assembler.flush_due(container, batch) || progress.bytes > 0 {
            self.mark(batch);
        }
        Ok(progress)
    }

    /// Whether something has come.
    pub fn has_come(&self) -> bool {
        matches!(&self.state, State::Open { items, .. } if !items.is_empty())
    }

    /// Whether nothing is to be done until something comes.
    pub fn is_silent(&self) -> bool {
        match &self.state {
            State::Open { items, .. } => items.is_empty() && !self.assembler.is_waiting(),
            State::Pausing(_) => false,
            State::Resting | State::Over | State::Unreadable => true,
        }
    }

    /// Whether the stream is to be opened again.
    pub fn is_due(&self) -> bool {
        matches!(self.state, State::Pausing(until) if until <= Instant::now())
    }

    /// Whether the engine has no reader for this log.
    pub fn is_unreadable(&self) -> bool {
        matches!(self.state, State::Unreadable)
    }

    /// Whether everything of an ended container has been had.
    pub fn is_exhausted(&self) -> bool {
        matches!(self.state, State::Resting | State::Over | State::Unreadable)
    }

    /// Passes on what has no newline.
    pub fn finish(&mut self, container: &Arc<Container>, batch: &mut Batch) {
        if self.is_exhausted() && self.assembler.is_unfinished() {
            self.assembler.finish(container, batch);
            self.mark(batch);
        }
    }

    /// Passes on events that wait for lines that may belong to them.
    pub fn flush(&mut self, container: &Arc<Container>, batch: &mut Batch) {
        if self.assembler.flush(container, batch) {
            self.mark(batch);
        }
    }

    /// What went wrong or was left out since this was asked last.
    pub fn take_tallies(&mut self) -> Tallies {
        let mut tallies = std::mem::take(&mut self.tallies);
        tallies.lines = self.assembler.take_tally();
        tallies
    }

    fn open_where_due(&mut self, container: &Container) {
        let due = match self.state {
            State::Pausing(until) => Instant::now() >= until,
            State::Resting => container.started != self.asked_for,
            State::Open { .. } | State::Over | State::Unreadable => false,
        };
        if !due {
            return;
        }
        let ask = match self.assembler.position(None, 0) {
            Some(position) if position.time > 0 => {
                // What the last stream had unfinished comes again.
                self.assembler = Assembler::resume_by_time(self.wanted.clone(), &position);
                let time = position.time - OVERLAP;
                if container.started.is_some_and(|started| started >= time) {
                    // All of a run that has just begun is wanted.
                    session::Ask::Since(time.div_euclid(SECOND))
                } else {
                    session::Ask::Behind { time }
                }
            }
            _ => match self.wanted.last {
                Some(lines) => session::Ask::Last(lines),
                None => session::Ask::Since(self.wanted.not_before.div_euclid(SECOND)),
            },
        };
        let (sender, items) = mpsc::channel(CAPACITY);
        let request = session::Request {
            docker: self.docker.clone(),
            id: self.id.clone(),
            terminal: container.terminal,
            ask,
        };
        let task = tokio::spawn(session::follow(request, sender, Arc::clone(&self.wake)));
        self.brought = false;
        self.first = true;
        self.asked_for = container.started;
        self.state = State::Open { items, task };
    }

    fn take(&mut self, frame: &Frame, container: &Arc<Container>, batch: &mut Batch) {
        let newest = self.assembler.newest();
        if self.first && newest > 0 && frame.time > newest {
            // The last line that was had is not there any more, so what came right behind it may be gone too.
            self.tallies.gap(Gap::Deleted, newest);
            self.tallies.range.1.get_or_insert(frame.time);
            self.assembler.cut();
        }
        self.first = false;
        self.answered = true;
        let before = batch.line_count();
        let piece = Piece { stream: frame.stream, time: frame.time, text: &frame.text, offset: 0 };
        self.assembler.push(piece, container, batch);
        if batch.line_count() > before {
            self.brought = true;
            self.backoff.reset();
        }
    }

    fn end(&mut self, end: &End, container: &Arc<Container>, batch: &mut Batch) {
        self.answered |= matches!(end, End::Finished);
        match end {
            End::Gone => {
                // Removed before the first answer, and before this without a file that could be opened.
                self.tallies.unread = !self.answered && self.assembler.newest() == 0;
                self.state = State::Over;
            }
            End::Unreadable(problem) => {
                tracing::warn!(container.name, container.driver, problem, "the engine cannot read this log");
                self.state = State::Unreadable;
            }
            // Once more: following loses an unterminated last line, and lines around a rotation.
            End::Finished if container.running || self.brought => self.pause(),
            End::Finished => self.state = State::Resting,
            // The session asks on by itself.
            End::TooLate => self.pause(),
            End::Failed(problem) => {
                tracing::debug!(container.name, problem, "the engine's log stream broke");
                self.pause();
            }
        }
        if self.is_exhausted() {
            self.finish(container, batch);
        }
    }

    fn pause(&mut self) {
        self.state = State::Pausing(Instant::now() + self.backoff.pause());
    }

    fn mark(&self, batch: &mut Batch) {
        if let Some(position) = self.assembler.position(None, 0) {
            batch.mark_at(&self.id, position);
        }
    }
}

impl Drop for Api {
    fn drop(&mut self) {
        if let State::Open { task, .. } = &self.state {
            task.abort();
        }
    }
}

/// A frame of the engine's stream.
#[cfg(fuzzing)]
pub fn fuzz(bytes: &[u8]) {
    frame::fuzz(bytes);
}

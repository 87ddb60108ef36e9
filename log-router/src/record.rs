//! A line of a log on its way from a source to a sink, and the batches that lines travel in.

use std::ops::Range;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::container::Container;
use crate::position::Position;
use crate::priority::Priority;

/// Which of a container's two streams a line was printed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stream {
    /// Standard output; everything a container with a terminal prints.
    Stdout,
    /// Standard error.
    Stderr,
}

impl Stream {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Stdout, Self::Stderr];

    /// As Docker and `filter.sources` write it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Stdout => "stdout",
            Self::Stderr => "stderr",
        }
    }

    /// Reads [`Stream::name`].
    pub fn parse(name: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|stream| stream.name().as_bytes() == name)
    }
}

/// One of something for each stream.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PerStream<T> {
    /// That of standard output.
    pub stdout: T,
    /// That of standard error.
    pub stderr: T,
}

impl<T> PerStream<T> {
    /// That of a stream.
    pub const fn get(&self, stream: Stream) -> &T {
        match stream {
            Stream::Stdout => &self.stdout,
            Stream::Stderr => &self.stderr,
        }
    }

    /// That of a stream, to change it.
    pub const fn get_mut(&mut self, stream: Stream) -> &mut T {
        match stream {
            Stream::Stdout => &mut self.stdout,
            Stream::Stderr => &mut self.stderr,
        }
    }

    /// Both.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        Stream::ALL.into_iter().map(|stream| self.get(stream))
    }

    /// The same of something else.
    pub fn map<U>(&self, mut make: impl FnMut(&T) -> U) -> PerStream<U> {
        PerStream { stdout: make(&self.stdout), stderr: make(&self.stderr) }
    }
}

/// One line within a [`Batch`].
#[derive(Debug, Clone)]
struct Entry {
    container: u32,
    stream: Stream,
    ordinal: u32,
    time: i64,
    priority: Priority,
    part: Option<Part>,
    text: Range<usize>,
}

/// Which part of a line that was too long to go whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// From 1.
    pub number: u32,
    /// The line's end is in it.
    pub last: bool,
}

/// A line on its way into a batch.
#[derive(Debug, Clone, Copy)]
pub struct Event<'a> {
    /// On which stream.
    pub stream: Stream,
    /// See [`Line::time`].
    pub time: i64,
    /// See [`Line::ordinal`].
    pub ordinal: u32,
    /// Facility and severity.
    pub priority: Priority,
    /// Where it is not a whole line.
    pub part: Option<Part>,
    /// See [`Line::text`].
    pub text: &'a [u8],
}

/// One line, borrowed from its batch.
#[derive(Debug, Clone, Copy)]
pub struct Line<'a> {
    /// Who printed it.
    pub container: &'a Arc<Container>,
    /// A number that stands for the container within this batch, for tables of what a sink prepared.
    pub container_index: usize,
    /// On which stream.
    pub stream: Stream,
    /// When, in nanoseconds of Unix time, as the engine noted it.
    pub time: i64,
    /// How many lines of the same stream had the same time before.
    pub ordinal: u32,
    /// Facility and severity.
    pub priority: Priority,
    /// Where it is not a whole line.
    pub part: Option<Part>,
    /// What, without the final newline; any bytes.
    pub text: &'a [u8],
}

/// Lines in their order, and how far their sources have been read once these are delivered.
#[derive(Debug, Default)]
pub struct Batch {
    text: Vec<u8>,
    entries: Vec<Entry>,
    containers: Vec<Arc<Container>>,
    marks: Vec<(String, Mark)>,
}

/// What to remember of a container once a batch is delivered.
#[derive(Debug, Clone)]
pub enum Mark {
    /// Everything before this position has been dealt with.
    At(Box<Position>),
    /// The container is gone and so is the need to remember.
    Gone,
}

/// What a line costs beside its text, so that a million empty lines fill a batch too.
const ENTRY_BYTES: usize = size_of::<Entry>();

impl Batch {
    /// Adds a whole line with the priority that it states.
    pub fn push(&mut self, container: &Arc<Container>, stream: Stream, time: i64, ordinal: u32, text: &[u8]) {
        let priority = Priority::detect(container.settings.detect, stream, time, text);
        self.push_event(container, &Event { stream, time, ordinal, priority, part: None, text });
    }

    /// Adds a line.
    pub fn push_event(&mut self, container: &Arc<Container>, event: &Event<'_>) {
        let Event { stream, time, ordinal, priority, part, text } = *event;
        let start = self.text.len();
        self.text.extend_from_slice(text);
        let container = self.index_of(container);
        let text = start..self.text.len();
        self.entries.push(Entry { container, stream, ordinal, time, priority, part, text });
    }

    /// Notes how far a container has been read; a later mark replaces an earlier one.
    pub fn mark_at(&mut self, id: &str, position: Position) {
        self.mark(id, Mark::At(Box::new(position)));
    }

    /// Notes that a container is gone.
    pub fn mark_gone(&mut self, id: &str) {
        self.mark(id, Mark::Gone);
    }

    fn mark(&mut self, id: &str, mark: Mark) {
        match self.marks.iter_mut().find(|(known, _)| known == id) {
            Some((_, known)) => *known = mark,
            None => self.marks.push((id.to_owned(), mark)),
        }
    }

    /// The lines in their order.
    pub fn lines(&self) -> impl Iterator<Item = Line<'_>> + Clone {
        self.entries.iter().filter_map(|entry| self.line(entry))
    }

    /// The line at a place, counted from zero.
    pub fn get(&self, index: usize) -> Option<Line<'_>> {
        self.line(self.entries.get(index)?)
    }

    /// How many lines there are.
    pub fn line_count(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are lines.
    pub fn has_lines(&self) -> bool {
        !self.entries.is_empty()
    }

    /// True where there is neither a line nor a mark.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.marks.is_empty()
    }

    /// Whether there is a line or a mark of a container.
    pub fn has(&self, id: &str) -> bool {
        self.containers.iter().any(|container| container.id == id)
            || self.marks.iter().any(|(marked, _)| marked == id)
    }

    /// Whether there are lines or marks of one container in both.
    pub fn shares_container(&self, other: &Self) -> bool {
        self.containers.iter().any(|container| other.has(&container.id))
            || self.marks.iter().any(|(id, _)| other.has(id))
    }

    /// The memory that the lines take.
    pub fn bytes(&self) -> usize {
        self.text.len() + self.entries.len() * ENTRY_BYTES
    }

    /// The texts of all lines together.
    pub fn text_bytes(&self) -> usize {
        self.text.len()
    }

    /// How many containers have lines in here: one more than the greatest [`Line::container_index`].
    pub fn containers(&self) -> usize {
        self.containers.len()
    }

    /// What to remember after delivery.
    pub fn marks(&self) -> &[(String, Mark)] {
        &self.marks
    }

    fn index_of(&mut self, container: &Arc<Container>) -> u32 {
        let is_it = |known: &Arc<Container>| Arc::ptr_eq(known, container);
        // Lines come in runs of one container.
        if let Some(last) = self.entries.last().map(|entry| entry.container)
            && self.containers.get(last as usize).is_some_and(is_it)
        {
            return last;
        }
        let index = self.containers.iter().position(is_it).unwrap_or_else(|| {
            self.containers.push(Arc::clone(container));
            self.containers.len() - 1
        });
        u32::try_from(index).unwrap_or(u32::MAX)
    }

    fn line(&self, entry: &Entry) -> Option<Line<'_>> {
        let container_index = entry.container as usize;
        Some(Line {
            container: self.containers.get(container_index)?,
            container_index,
            stream: entry.stream,
            time: entry.time,
            ordinal: entry.ordinal,
            priority: entry.priority,
            part: entry.part,
            text: self.text.get(entry.text.clone())?,
        })
    }
}

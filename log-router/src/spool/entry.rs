//! A batch as bytes: what one entry of the spool holds.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::container::Container;
use crate::position::Position;
use crate::priority::Priority;
use crate::record::{Batch, Event, Line, Mark, Part, Stream};

/// Bytes of a line beside its text: container, stream, priority, part, ordinal, time, length.
const LINE_BYTES: usize = 4 + 1 + 1 + 4 + 4 + 8 + 4;
/// In the byte of the stream: standard error.
const STDERR: u8 = 1;
/// The line's last part.
const LAST: u8 = 2;

/// What is needed of an entry without reading its lines.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Head {
    /// By ID; `None` where the container is gone.
    pub marks: Vec<(String, Option<Position>)>,
    containers: Vec<Container>,
    /// How many lines.
    pub lines: u64,
    /// Times of the oldest and the newest line, in nanoseconds of Unix time.
    pub times: (i64, i64),
}

impl Head {
    /// The IDs of all containers with lines or a mark.
    pub(super) fn ids(&self) -> impl Iterator<Item = &str> {
        let marked = self.marks.iter().map(|(id, _)| id.as_str());
        let printed = self.containers.iter().map(|container| container.id.as_str());
        marked.chain(printed.filter(|id| !self.marks.iter().any(|(marked, _)| marked == id)))
    }

    /// The names of the containers with lines.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.containers.iter().map(|container| container.name.as_str())
    }
}

/// Appends a batch's bytes.
pub(super) fn write(batch: &Batch, out: &mut Vec<u8>) {
    let mut containers: Vec<Container> = Vec::new();
    let mut seen = vec![false; batch.containers()];
    // Numbers of containers as the lines use them.
    containers.resize_with(batch.containers(), Container::default);
    let mut times = (i64::MAX, i64::MIN);
    for line in batch.lines() {
        times = (times.0.min(line.time), times.1.max(line.time));
        if let (Some(seen @ false), Some(place)) =
            (seen.get_mut(line.container_index), containers.get_mut(line.container_index))
        {
            *seen = true;
            *place = Container::clone(line.container);
        }
    }
    let marks = batch.marks().iter().map(|(id, mark)| {
        let position = match mark {
            Mark::At(position) => Some(Position::clone(position)),
            Mark::Gone => None,
        };
        (id.clone(), position)
    });
    let head = Head { marks: marks.collect(), containers, lines: batch.line_count() as u64, times };
    // Maps with text keys always have a JSON form.
    let head = serde_json::to_vec(&head).unwrap_or_default();
    out.extend_from_slice(&length(head.len()).to_le_bytes());
    out.extend_from_slice(&head);
    out.extend_from_slice(&length(batch.line_count()).to_le_bytes());
    for line in batch.lines() {
        write_line(&line, out);
    }
    for line in batch.lines() {
        out.extend_from_slice(line.text);
    }
}

fn write_line(line: &Line<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(&length(line.container_index).to_le_bytes());
    let stderr = if line.stream == Stream::Stderr { STDERR } else { 0 };
    out.push(stderr | if line.part.is_some_and(|part| part.last) { LAST } else { 0 });
    out.push(line.priority.value());
    // Parts count from 1.
    out.extend_from_slice(&line.part.map_or(0, |part| part.number).to_le_bytes());
    out.extend_from_slice(&line.ordinal.to_le_bytes());
    out.extend_from_slice(&line.time.to_le_bytes());
    out.extend_from_slice(&length(line.text.len()).to_le_bytes());
}

/// The head alone; `None` where the bytes are no entry.
pub(super) fn read_head(bytes: &[u8]) -> Option<Head> {
    let (head, _) = split_head(bytes)?;
    serde_json::from_slice(head).ok()
}

/// The whole batch; `None` where the bytes are no entry.
pub(super) fn read(bytes: &[u8]) -> Option<Batch> {
    let (head, rest) = split_head(bytes)?;
    let head: Head = serde_json::from_slice(head).ok()?;
    let containers: Vec<Arc<Container>> = head.containers.into_iter().map(Arc::new).collect();
    let (count, rest) = split_u32(rest)?;
    let (mut lines, mut text) = rest.split_at_checked((count as usize).checked_mul(LINE_BYTES)?)?;
    let mut batch = Batch::default();
    while !lines.is_empty() {
        let (container, rest) = split_u32(lines)?;
        let (flags, rest) = rest.split_first()?;
        let (priority, rest) = rest.split_first()?;
        let (number, rest) = split_u32(rest)?;
        let (ordinal, rest) = split_u32(rest)?;
        let (time, rest) = rest.split_first_chunk::<8>()?;
        let (length, rest) = split_u32(rest)?;
        let (this, after) = text.split_at_checked(length as usize)?;
        let event = Event {
            stream: if flags & STDERR == 0 { Stream::Stdout } else { Stream::Stderr },
            time: i64::from_le_bytes(*time),
            ordinal,
            priority: Priority::new(*priority)?,
            part: (number > 0).then_some(Part { number, last: flags & LAST != 0 }),
            text: this,
        };
        batch.push_event(containers.get(container as usize)?, &event);
        (lines, text) = (rest, after);
    }
    for (id, position) in head.marks {
        match position {
            Some(position) => batch.mark_at(&id, position),
            None => batch.mark_gone(&id),
        }
    }
    Some(batch)
}

fn split_head(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = split_u32(bytes)?;
    rest.split_at_checked(length as usize)
}

fn split_u32(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let (number, rest) = bytes.split_first_chunk::<4>()?;
    Some((u32::from_le_bytes(*number), rest))
}

fn length(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::meaning::settings::Settings;
    use proptest::prelude::*;

    #[test]
    fn a_batch_comes_back() {
        let [a, b] = ["a", "b"].map(|id| {
            let labels = [("x".to_owned(), "y".to_owned())].into();
            let settings = Arc::new(Settings { json: id == "b", ..Settings::default() });
            Arc::new(Container { id: id.to_owned(), pid: 7, labels, settings, ..Container::default() })
        });
        let mut batch = Batch::default();
        batch.push(&a, Stream::Stdout, 5, 0, b"one");
        batch.push(&b, Stream::Stderr, 6, 3, b"\xff\0");
        batch.push(&a, Stream::Stdout, -7, 1, b"");
        let event = Event {
            stream: Stream::Stderr,
            time: 2,
            ordinal: 0,
            priority: Priority::new(191).unwrap(),
            part: Some(Part { number: 3, last: true }),
            text: b"the end",
        };
        batch.push_event(&b, &event);
        batch.mark_at("a", Position { time: 9, ..Position::default() });
        batch.mark_gone("z");
        let mut bytes = Vec::new();
        write(&batch, &mut bytes);
        let back = read(&bytes).unwrap();
        let lines = |batch: &Batch| -> Vec<_> {
            let line = |l: Line<'_>| {
                let meaning = (l.priority, l.part);
                (Container::clone(l.container), l.stream, l.time, l.ordinal, meaning, l.text.to_vec())
            };
            batch.lines().map(line).collect()
        };
        assert_eq!(lines(&back), lines(&batch));
        assert_eq!(format!("{:?}", back.marks()), format!("{:?}", batch.marks()));
        let head = read_head(&bytes).unwrap();
        assert_eq!(head.ids().collect::<Vec<_>>(), ["a", "z", "b"]);
        assert_eq!((head.lines, head.times), (4, (-7, 6)));
        for end in 0..bytes.len() {
            assert!(read(&bytes[..end]).is_none(), "{end}");
        }
    }

    proptest! {
        #[test]
        fn nothing_panics(bytes: Vec<u8>) {
            let _unused = (read(&bytes), read_head(&bytes));
        }
    }
}

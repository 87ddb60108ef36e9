//! What was written last, kept to be written again after a break: TCP tells that a receiver is gone only after it has
//! swallowed more for it.

use std::collections::VecDeque;

/// Whole messages, as they go to the receiver.
pub(super) type Piece = Vec<u8>;

/// The newest pieces: those to be written, and as many written ones as fit.
#[derive(Debug)]
pub(super) struct Window {
    pieces: VecDeque<Piece>,
    /// How many pieces, from the oldest, are written on this connection.
    written: usize,
    written_bytes: usize,
    /// How much of the next piece is written.
    begun: usize,
    keep_bytes: usize,
}

impl Window {
    /// Keeps at most this many written bytes (but always whole pieces).
    pub(super) fn new(keep_bytes: usize) -> Self {
        Self { pieces: VecDeque::new(), written: 0, written_bytes: 0, begun: 0, keep_bytes }
    }

    /// Adds a piece to be written.
    pub(super) fn push(&mut self, piece: Piece) {
        self.pieces.push_back(piece);
    }

    /// The bytes to be written next.
    pub(super) fn unwritten(&self) -> Option<&[u8]> {
        self.pieces.get(self.written)?.get(self.begun..)
    }

    /// So many of [`Window::unwritten`] are written.
    pub(super) fn wrote(&mut self, count: usize) {
        self.begun += count;
        let Some(length) = self.pieces.get(self.written).map(Vec::len) else { return };
        if self.begun < length {
            return;
        }
        self.begun = 0;
        self.written += 1;
        self.written_bytes += length;
        while self.written_bytes > self.keep_bytes {
            let Some(oldest) = self.pieces.pop_front() else { break };
            self.written_bytes -= oldest.len();
            self.written -= 1;
        }
    }

    /// A new connection: everything is to be written again.
    pub(super) fn rewind(&mut self) {
        self.written = 0;
        self.written_bytes = 0;
        self.begun = 0;
    }

    /// The receiver certainly has what is written.
    pub(super) fn forget_written(&mut self) {
        self.pieces.drain(..self.written.min(self.pieces.len()));
        self.rewind();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write_all(window: &mut Window) -> String {
        let mut text = String::new();
        while let Some(rest) = window.unwritten() {
            // One byte at a time, as a slow receiver takes them.
            text.push(char::from(rest[0]));
            window.wrote(1);
        }
        text
    }

    #[test]
    fn the_newest_written_pieces_come_again_after_a_break() {
        let mut window = Window::new(4);
        for piece in ["aa", "bb", "cc"] {
            window.push(piece.into());
        }
        assert_eq!(write_all(&mut window), "aabbcc");
        window.rewind();
        assert_eq!(write_all(&mut window), "bbcc");
        window.push("dd".into());
        assert_eq!(write_all(&mut window), "dd", "no break, nothing again");
        window.rewind();
        assert_eq!(write_all(&mut window), "ccdd");
    }

    #[test]
    fn unwritten_pieces_are_kept_however_many() {
        let mut window = Window::new(1);
        for piece in ["aaaa", "bbbb"] {
            window.push(piece.into());
        }
        window.wrote(4);
        window.rewind();
        assert_eq!(write_all(&mut window), "bbbb", "a written piece beyond the limit is let go");
    }

    #[test]
    fn a_piece_that_broke_off_begins_anew() {
        let mut window = Window::new(100);
        window.push("aaaa".into());
        window.wrote(2);
        assert_eq!(window.unwritten(), Some(&b"aa"[..]));
        window.rewind();
        assert_eq!(window.unwritten(), Some(&b"aaaa"[..]));
    }

    #[test]
    fn what_the_receiver_has_is_not_sent_again() {
        let mut window = Window::new(100);
        window.push("aa".into());
        write_all(&mut window);
        window.push("bb".into());
        window.forget_written();
        assert_eq!(write_all(&mut window), "bb");
    }
}

//! A TCP receiver that keeps book of numbered lines (`NAME line NUMBER …`) by container, however many they are, and breaks
//! its connections when it is told to.

use std::collections::{BTreeSet, HashMap};
use std::io::Read;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// The lines of one container. What is complete takes no memory, however much it is.
#[derive(Debug, Clone)]
struct Seen {
    /// All below this are there.
    next: u64,
    /// Numbers beyond a gap.
    early: BTreeSet<u64>,
}

#[derive(Debug, Default)]
struct Book {
    containers: HashMap<String, Seen>,
    lines: u64,
    twice: u64,
    strange: u64,
    connections: Vec<TcpStream>,
    resets: u64,
}

/// The receiver; its threads end with the program.
#[derive(Debug)]
pub struct Ledger {
    port: u16,
    book: Arc<Mutex<Book>>,
}

/// What arrived in the end.
#[derive(Debug, Clone, Default)]
pub struct Lines {
    /// That were printed.
    pub written: u64,
    /// That came again.
    pub twice: u64,
    /// In which no number could be found: there must be none.
    pub strange: u64,
    /// Of each container that misses some: how many, and the first.
    pub missing: Vec<(String, u64, u64)>,
}

impl Ledger {
    /// Listens on a free port.
    pub fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", crate::agent::free_port())).expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let book = Arc::<Mutex<Book>>::default();
        let shared = Arc::clone(&book);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let shared = Arc::clone(&shared);
                shared.lock().expect("a lock").connections.push(stream.try_clone().expect("a handle"));
                thread::spawn(move || read(stream, &shared));
            }
        });
        Self { port, book }
    }

    /// Where it listens on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Breaks all connections; what is unread is lost.
    pub fn reset(&self) {
        let mut book = self.book.lock().expect("a lock");
        book.resets += 1;
        for stream in book.connections.drain(..) {
            // It may be closed already.
            drop(stream.shutdown(Shutdown::Both));
        }
    }

    /// How often it was told to.
    pub fn resets(&self) -> u64 {
        self.book.lock().expect("a lock").resets
    }

    /// Waits until the lines 1 to N of each container are there, or nothing has come for so long.
    pub fn wait_for_all(&self, wanted: &[(String, u64)], patience: Duration) -> Lines {
        let (mut last, mut since) = (0, Instant::now());
        loop {
            let book = self.book.lock().expect("a lock");
            let missing = book.missing(wanted);
            if book.lines != last {
                (last, since) = (book.lines, Instant::now());
            }
            if missing.is_empty() || since.elapsed() > patience {
                let written = wanted.iter().map(|(_, lines)| lines).sum();
                return Lines { written, twice: book.twice, strange: book.strange, missing };
            }
            drop(book);
            thread::sleep(Duration::from_millis(200));
        }
    }
}

impl Book {
    fn missing(&self, wanted: &[(String, u64)]) -> Vec<(String, u64, u64)> {
        let of = |(name, lines): &(String, u64)| {
            let (next, early) =
                self.containers.get(name).map_or((1, 0), |seen| (seen.next, seen.early.len() as u64));
            let missing = (lines + 1).saturating_sub(next + early);
            (missing > 0).then(|| (name.clone(), missing, next))
        };
        wanted.iter().filter_map(of).collect()
    }

    fn note(&mut self, line: &[u8]) {
        self.lines += 1;
        let Some((name, number)) = parse(line) else {
            self.strange += 1;
            return;
        };
        let seen = match self.containers.get_mut(name) {
            Some(seen) => seen,
            None => {
                self.containers.entry(name.to_owned()).or_insert(Seen { next: 1, early: BTreeSet::new() })
            }
        };
        if number < seen.next || !seen.early.insert(number) {
            self.twice += 1;
            return;
        }
        while seen.early.remove(&seen.next) {
            seen.next += 1;
        }
    }
}

/// Container and number of a frame `<14>TIME HOST NAME[PID]: NAME line NUMBER …`.
fn parse(line: &[u8]) -> Option<(&str, u64)> {
    let text = std::str::from_utf8(line).ok()?;
    let (head, rest) = text.split_once(" line ")?;
    let digits = rest.split(|letter: char| !letter.is_ascii_digit()).next()?;
    Some((head.rsplit(' ').next()?, digits.parse().ok()?))
}

fn read(mut stream: TcpStream, book: &Mutex<Book>) {
    let (mut buffer, mut rest) = (vec![0; 256 * 1024], Vec::new());
    while let Ok(length @ 1..) = stream.read(&mut buffer) {
        rest.extend_from_slice(&buffer[..length]);
        let end = rest.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        let mut book = book.lock().expect("a lock");
        for line in rest[..end].split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            book.note(line);
        }
        drop(book);
        rest.drain(..end);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_and_repetitions_are_told() {
        let mut book = Book::default();
        for text in ["a line 1", "a line 3 ...", "b line 1", "a line 3", "b line 1", "nothing"] {
            book.note(format!("<14>2026-11-24T10:00:00Z host x[7]: {text}").as_bytes());
        }
        let wanted = [("a".to_owned(), 4), ("b".to_owned(), 1), ("c".to_owned(), 2)];
        assert_eq!(book.missing(&wanted), [("a".to_owned(), 2, 2), ("c".to_owned(), 2, 1)]);
        assert_eq!((book.lines, book.twice, book.strange), (6, 2, 1));
        book.note(b"<14>T h x: a line 2");
        assert_eq!(book.missing(&wanted)[0], ("a".to_owned(), 1, 4));
    }
}

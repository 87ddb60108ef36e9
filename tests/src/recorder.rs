//! A TCP receiver that remembers the numbers of the lines it gets (`line NUMBER …`), and that can be slow, break its
//! connections, go away and come back elsewhere: what a real receiver cannot be made to do at a given moment.

use std::collections::BTreeMap;
use std::io::Read;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// How many times each number came.
pub type Counts = BTreeMap<usize, usize>;

#[derive(Debug, Default)]
struct Shared {
    counts: Mutex<Counts>,
    connections: Mutex<Vec<TcpStream>>,
    slow: AtomicBool,
}

/// A receiver; away when dropped.
#[derive(Debug)]
pub struct Recorder {
    address: SocketAddr,
    shared: Arc<Shared>,
    /// Tells the accepting thread to end.
    stop: Option<Arc<AtomicBool>>,
}

impl Recorder {
    /// Listens on a free port of an address.
    pub fn start(host: &str) -> Self {
        let listener = TcpListener::bind((host, crate::agent::free_port())).expect("a port");
        let address = listener.local_addr().expect("an address");
        let mut recorder = Self { address, shared: Arc::default(), stop: None };
        recorder.serve(listener);
        recorder
    }

    fn serve(&mut self, listener: TcpListener) {
        let (shared, stop) = (Arc::clone(&self.shared), Arc::new(AtomicBool::new(false)));
        self.stop = Some(Arc::clone(&stop));
        thread::spawn(move || {
            for stream in listener.incoming() {
                if stop.load(Ordering::SeqCst) {
                    return;
                }
                let stream = stream.expect("a connection");
                shared.connections.lock().expect("a lock").push(stream.try_clone().expect("a handle"));
                let shared = Arc::clone(&shared);
                thread::spawn(move || shared.read(stream));
            }
        });
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What came so far.
    pub fn counts(&self) -> Counts {
        self.shared.counts.lock().expect("a lock").clone()
    }

    /// Reads a little at a time from now on, or as fast as it can.
    pub fn slow(&self, slow: bool) {
        self.shared.slow.store(slow, Ordering::SeqCst);
    }

    /// Breaks all connections; what is unread is lost.
    pub fn reset(&self) {
        for stream in self.shared.connections.lock().expect("a lock").drain(..) {
            // It may be closed already.
            drop(stream.shutdown(Shutdown::Both));
        }
    }

    /// Stops listening and breaks all connections.
    pub fn leave(&mut self) {
        if let Some(stop) = self.stop.take() {
            stop.store(true, Ordering::SeqCst);
            // The accepting thread waits for one more.
            drop(TcpStream::connect(self.address));
        }
        self.reset();
    }

    /// Listens again on the same port, at this address.
    pub fn come_back(&mut self, host: &str) {
        let port = self.address.port();
        let listener = crate::wait::until(crate::wait::LIMIT, "the recorder's port", || {
            TcpListener::bind((host, port)).map_err(|error| error.to_string())
        });
        self.address = listener.local_addr().expect("an address");
        self.serve(listener);
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.leave();
    }
}

impl Shared {
    fn read(&self, mut stream: TcpStream) {
        let mut buffer = vec![0; 256 * 1024];
        let mut rest = Vec::new();
        loop {
            let slow = self.slow.load(Ordering::SeqCst);
            let most = if slow { 16 * 1024 } else { buffer.len() };
            match stream.read(&mut buffer[..most]) {
                Ok(0) | Err(_) => return,
                Ok(length) => rest.extend_from_slice(&buffer[..length]),
            }
            let end = rest.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
            let mut counts = self.counts.lock().expect("a lock");
            for number in rest[..end].split(|byte| *byte == b'\n').filter_map(number) {
                *counts.entry(number).or_default() += 1;
            }
            drop(counts);
            rest.drain(..end);
            if slow {
                thread::sleep(Duration::from_millis(20));
            }
        }
    }
}

/// The number of a line `… line NUMBER …`.
pub fn number(line: &[u8]) -> Option<usize> {
    let at = line.windows(5).position(|part| part == b"line ")?;
    let digits = line[at + 5..].split(|byte| !byte.is_ascii_digit()).next()?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}

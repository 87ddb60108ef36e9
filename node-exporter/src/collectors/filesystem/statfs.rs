//! Asks file systems for their numbers without ever waiting for one that does not answer.
//!
//! statfs on a mount whose server is gone does not come back, and nothing can call it off. So it is called on
//! threads that are never joined. One thread asks all file systems in turn; as soon as one of them makes it wait, the
//! rest goes to another thread. A file system that has not answered is not asked again until it does.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::statfs;
use rustix::io::Errno;
use tracing::{debug, warn};

/// A file system that answers at all does so in microseconds; after this, another thread takes over what is left.
const PATIENCE: Duration = Duration::from_millis(50);
/// `ST_RDONLY` in the flags of statfs.
const READ_ONLY: u64 = 1;
/// Enough for one system call.
const STACK_BYTES: usize = 64 * 1024;

/// Numbers of a file system, in bytes and inodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Space {
    pub(super) size: u64,
    pub(super) free: u64,
    pub(super) available: u64,
    pub(super) files: u64,
    pub(super) files_free: u64,
    pub(super) read_only: bool,
}

/// What came of asking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    Space(Space),
    Failed(Errno),
    TimedOut,
}

impl Answer {
    /// Whether the file system says that it is read-only, which it can become without a change of its mounts.
    pub(super) fn is_read_only(&self) -> bool {
        matches!(self, Self::Space(Space { read_only: true, .. }))
    }

    /// The label value that tells of a failure.
    pub(super) fn error(&self) -> Option<Cow<'static, str>> {
        match self {
            Self::Space(_) => None,
            Self::TimedOut => Some(Cow::Borrowed("mountpoint timeout")),
            Self::Failed(errno) => {
                // As Go words it: "permission denied", without the number.
                let text = std::io::Error::from(*errno).to_string();
                let text = text.split(" (os error").next().unwrap_or_default();
                Some(Cow::Owned(text.to_lowercase()))
            }
        }
    }
}

/// A file system to ask.
#[derive(Debug, Clone)]
pub(super) struct Query {
    path: Arc<Path>,
    ask: fn(&Path) -> Answer,
}

impl Query {
    pub(super) fn new(path: &Arc<Path>) -> Self {
        Self { path: Arc::clone(path), ask }
    }
}

fn ask(path: &Path) -> Answer {
    match statfs(path) {
        Ok(numbers) => {
            let unit = u64::try_from(numbers.f_bsize).unwrap_or_default();
            Answer::Space(Space {
                size: numbers.f_blocks.wrapping_mul(unit),
                free: numbers.f_bfree.wrapping_mul(unit),
                available: numbers.f_bavail.wrapping_mul(unit),
                files: numbers.f_files,
                files_free: numbers.f_ffree,
                read_only: numbers.f_flags.cast_unsigned() & READ_ONLY != 0,
            })
        }
        Err(errno) => Answer::Failed(errno),
    }
}

/// Threads that ask, and the time they have.
#[derive(Debug)]
pub(super) struct Workers {
    timeout: Duration,
    /// Until when the answers to what was asked last are waited for.
    deadline: Instant,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    /// There is something to ask.
    work: Condvar,
    /// All has been answered.
    done: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// Counts the calls of [`Workers::begin`]; answers to an older one are not waited for any more.
    round: u64,
    waiting: VecDeque<(usize, Query)>,
    answers: Vec<Option<Answer>>,
    unanswered: usize,
    /// What threads ask now, this round's and those that hang since an older one.
    under_way: Vec<Arc<Path>>,
    idle: usize,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Workers {
    pub(super) fn new(timeout: Duration) -> Self {
        Self { timeout, deadline: Instant::now(), shared: Arc::default() }
    }

    /// Has these asked, and waits for nothing.
    pub(super) fn begin(&mut self, queries: Vec<Query>) {
        self.deadline = Instant::now() + self.timeout;
        let mut state = self.shared.lock();
        state.begin(queries);
        if !state.waiting.is_empty() {
            self.shared.put_to_work(state);
        }
    }

    /// One answer for each query, in their order, within the time limit.
    pub(super) fn finish(&mut self) -> Vec<Answer> {
        let mut state = self.shared.lock();
        while state.unanswered > 0 && Instant::now() < self.deadline {
            let before = state.unanswered;
            let limit = self.deadline.saturating_duration_since(Instant::now());
            let pause = if state.waiting.is_empty() { limit } else { limit.min(PATIENCE) };
            let waited = self.shared.done.wait_timeout_while(state, pause, |state| state.unanswered > 0);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
            if state.unanswered == before && !state.waiting.is_empty() {
                debug!(
                    waiting = state.waiting.len(),
                    "a file system does not answer, going on with the others"
                );
                if !self.shared.put_to_work(state) {
                    return self.shared.lock().end();
                }
                state = self.shared.lock();
            }
        }
        state.end()
    }
}

impl Shared {
    /// Wakes a thread, or starts one; false where there is none to be had.
    fn put_to_work(self: &Arc<Self>, state: MutexGuard<'_, State>) -> bool {
        let idle = state.idle > 0;
        // Whoever is woken while the lock is held has to wait for it at once.
        drop(state);
        if idle {
            self.work.notify_one();
            return true;
        }
        start(self)
            .inspect_err(|error| warn!(%error, "no thread could be started to ask file systems"))
            .is_ok()
    }
}

impl State {
    fn begin(&mut self, queries: Vec<Query>) {
        self.round += 1;
        self.answers.clear();
        self.answers.resize(queries.len(), None);
        self.waiting.clear();
        self.waiting.extend(queries.into_iter().enumerate());
        let under_way = &self.under_way;
        self.waiting.retain(|(_, query)| !under_way.contains(&query.path));
        self.unanswered = self.waiting.len();
    }

    fn end(&mut self) -> Vec<Answer> {
        self.waiting.clear();
        self.unanswered = 0;
        self.answers.iter().map(|answer| answer.unwrap_or(Answer::TimedOut)).collect()
    }
}

fn start(shared: &Arc<Shared>) -> std::io::Result<()> {
    let shared = Arc::clone(shared);
    thread::Builder::new()
        .name("statfs".to_owned())
        .stack_size(STACK_BYTES)
        .spawn(move || work(&shared))
        .map(drop)
}

/// What a thread does: asks one after the other; one idle thread waits for the next round, others end.
fn work(shared: &Shared) {
    let mut state = shared.lock();
    loop {
        let Some((index, query)) = state.waiting.pop_front() else {
            if state.idle > 0 {
                return;
            }
            state.idle += 1;
            let waited = shared.work.wait_while(state, |state| state.waiting.is_empty());
            state = waited.unwrap_or_else(PoisonError::into_inner);
            state.idle -= 1;
            continue;
        };
        let round = state.round;
        state.under_way.push(Arc::clone(&query.path));
        drop(state);
        let answer = (query.ask)(&query.path);
        state = shared.lock();
        state.under_way.retain(|path| *path != query.path);
        if state.round == round
            && let Some(place) = state.answers.get_mut(index)
        {
            *place = Some(answer);
            state.unanswered = state.unanswered.saturating_sub(1);
            if state.unanswered == 0 {
                drop(state);
                shared.done.notify_one();
                state = shared.lock();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPACE: Space = Space { size: 1, free: 1, available: 1, files: 1, files_free: 1, read_only: false };

    impl Workers {
        fn ask(&mut self, queries: Vec<Query>) -> Vec<Answer> {
            self.begin(queries);
            self.finish()
        }
    }

    fn query(path: &str, ask: fn(&Path) -> Answer) -> Query {
        Query { path: Path::new(path).into(), ask }
    }

    fn hangs(_: &Path) -> Answer {
        thread::sleep(Duration::from_millis(800));
        Answer::Space(SPACE)
    }

    fn answers(_: &Path) -> Answer {
        Answer::Space(SPACE)
    }

    #[test]
    fn one_dead_mount_costs_only_its_own_answer() {
        let queries =
            || vec![query("/a", answers), query("/dead", hangs), query("/b", answers), query("/c", answers)];
        let mut workers = Workers::new(Duration::from_millis(300));
        let expected = [Answer::Space(SPACE), Answer::TimedOut, Answer::Space(SPACE), Answer::Space(SPACE)];
        assert_eq!(workers.ask(queries()), expected);
        // Not asked again, so this does not wait for it.
        let started = Instant::now();
        assert_eq!(workers.ask(queries()), expected);
        assert!(started.elapsed() < Duration::from_millis(200));
        assert_eq!(workers.shared.lock().under_way.len(), 1);
        // It has answered by then, and may be asked again.
        thread::sleep(Duration::from_millis(900));
        assert!(workers.shared.lock().under_way.is_empty());
        assert_eq!(workers.ask(queries())[1], Answer::TimedOut);
    }

    #[test]
    fn errors_are_worded_as_go_does() {
        let text = |errno| Answer::Failed(errno).error().unwrap().into_owned();
        assert_eq!(text(Errno::ACCESS), "permission denied");
        assert_eq!(text(Errno::NOTCONN), "transport endpoint is not connected");
    }

    #[test]
    fn real_file_systems_answer() {
        let mut workers = Workers::new(Duration::from_secs(5));
        let paths = ["/", "/proc", "/no/such/place"].map(|path| Query::new(&Path::new(path).into()));
        for _ in 0..3 {
            let answers = workers.ask(paths.to_vec());
            assert!(matches!(answers[0], Answer::Space(space) if space.size > 0));
            assert_eq!(answers[2], Answer::Failed(Errno::NOENT));
        }
        assert_eq!(workers.ask(Vec::new()), []);
    }
}

//! The thread that collects.
//!
//! It stays from one scrape to the next and is woken by a channel of its own: of what a scrape costs, handing it over is
//! a part that can be felt. What hangs keeps its thread, and another takes the place.

use std::io;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::thread;

use tokio::runtime::Handle;
use tokio::sync::oneshot;

type Job = Box<dyn FnOnce() + Send>;

/// Does one thing after the other.
#[derive(Default)]
pub(super) struct Worker(Mutex<Option<SyncSender<Job>>>);

impl Worker {
    /// Has the thread do something as soon as it has done what it was given before. The answer does not come where the
    /// work panics.
    pub(super) fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> io::Result<oneshot::Receiver<T>> {
        let (answer, receiver) = oneshot::channel();
        let job: Job = Box::new(move || {
            // Whoever asked may be gone.
            drop(answer.send(work()));
        });
        let mut sender = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let unsent = match &*sender {
            Some(thread) => match thread.send(job) {
                Ok(()) => return Ok(receiver),
                // It ended with a panic.
                Err(error) => error.0,
            },
            None => job,
        };
        // A channel that was just made has room for one.
        drop(sender.insert(start()?).send(unsent));
        Ok(receiver)
    }

    /// Leaves the thread to what it hangs at, after which it ends; the next work goes to another.
    pub(super) fn abandon(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

impl std::fmt::Debug for Worker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Worker")
    }
}

fn start() -> io::Result<SyncSender<Job>> {
    let (sender, jobs) = sync_channel::<Job>(1);
    let runtime = Handle::current();
    thread::Builder::new().name("collect".to_owned()).spawn(move || {
        // Some collectors ask over connections that the runtime drives.
        let _entered = runtime.enter();
        for job in jobs {
            job();
        }
    })?;
    Ok(sender)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_ends_the_thread_and_not_the_work() {
        let worker = Worker::default();
        assert_eq!(worker.run(|| 1).unwrap().await, Ok(1));
        assert!(worker.run(|| -> u8 { panic!("on purpose") }).unwrap().await.is_err());
        // The thread may not have come to its end yet: then the work is taken by nobody.
        let mut answer = worker.run(|| 2).unwrap().await;
        while answer.is_err() {
            answer = worker.run(|| 2).unwrap().await;
        }
        assert_eq!(answer, Ok(2));
    }

    #[tokio::test]
    async fn one_thread_for_all_until_it_is_left() {
        let worker = Worker::default();
        let id = || thread::current().id();
        let first = worker.run(id).unwrap().await;
        assert_eq!(worker.run(id).unwrap().await, first);
        worker.abandon();
        assert_ne!(worker.run(id).unwrap().await, first);
    }
}

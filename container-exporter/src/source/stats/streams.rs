//! One stats stream per running container, open while somebody scrapes.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use agent_core::backoff::Backoff;
use agent_core::docker::bollard::errors::Error;
use agent_core::docker::bollard::query_parameters::StatsOptionsBuilder;
use agent_core::prometheus::metrics::counter::Counter;
use futures_util::StreamExt;
use tokio::task::AbortHandle;
use tokio::time::{sleep, sleep_until, timeout};
use tracing::debug;

use super::Desk;
use super::parse::parse_stats;
use crate::store::{Running, Store};

/// The engine sends about one sample a second; a stream can hang for ever without an error.
const SILENCE: Duration = Duration::from_secs(10);
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(15);

/// Keeps streams until nobody has scraped for a while, or scrapes want one-shots.
pub(super) async fn keep(desk: &Arc<Desk>, store: &Store, reopened: &Counter) {
    debug!("opening stats streams");
    let mut changes = store.watch_running();
    let mut streams = Streams::default();
    loop {
        let running = Arc::clone(&changes.borrow_and_update());
        streams.follow(&running, desk, store, reopened);
        let Some(idle_at) = desk.close_if_idle(Instant::now()) else {
            debug!("stats streams closed");
            // Whoever asked for something else asked while we held the only ear.
            desk.wake.notify_one();
            return;
        };
        tokio::select! {
            result = changes.changed() => if result.is_err() { return },
            () = sleep_until(idle_at.into()) => {}
            () = desk.wake.notified() => {}
        }
    }
}

/// The tasks of open streams, by container; all end with this.
#[derive(Debug, Default)]
struct Streams(HashMap<String, Stream>);

#[derive(Debug)]
struct Stream {
    started_nanos: Option<i64>,
    task: AbortHandle,
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Streams {
    fn follow(&mut self, running: &Running, desk: &Arc<Desk>, store: &Store, reopened: &Counter) {
        let live: HashMap<_, _> = running.iter().map(|c| (c.id.as_str(), c.started_nanos)).collect();
        self.0.retain(|id, stream| {
            let same = live.get(id.as_str()) == Some(&stream.started_nanos);
            if !same {
                desk.drop_sample(id);
            }
            same
        });
        for (id, started_nanos) in live {
            self.0.entry(id.to_owned()).or_insert_with(|| {
                let one = follow_one(id.to_owned(), Arc::clone(desk), store.clone(), reopened.clone());
                Stream { started_nanos, task: tokio::spawn(one).abort_handle() }
            });
        }
    }
}

/// Reads one container's stream, and opens it anew when it ends or falls silent.
async fn follow_one(id: String, desk: Arc<Desk>, store: Store, reopened: Counter) {
    let mut backoff = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE);
    loop {
        let reason = read(&id, &desk, &store, &mut backoff).await;
        desk.drop_sample(&id);
        if reason == End::Gone {
            return;
        }
        debug!(container.id = id, ?reason, "stats stream ended");
        reopened.inc();
        sleep(backoff.pause()).await;
    }
}

#[derive(Debug, PartialEq, Eq)]
enum End {
    /// The engine does not know the container any more.
    Gone,
    Closed,
    Silent,
    Failed(String),
}

async fn read(id: &str, desk: &Desk, store: &Store, backoff: &mut Backoff) -> End {
    let Some(docker) = store.engine().docker.clone() else {
        return End::Failed("not connected".to_owned());
    };
    let options = StatsOptionsBuilder::default().stream(true).build();
    let mut stream = Box::pin(docker.stats(id, Some(options)));
    loop {
        match timeout(SILENCE, stream.next()).await {
            Ok(Some(Ok(stats))) => {
                backoff.reset();
                match parse_stats(&stats) {
                    Some(sample) => desk.put(id, sample),
                    // A container that has stopped: the stream goes on with zeros.
                    None => desk.drop_sample(id),
                }
            }
            Ok(Some(Err(Error::DockerResponseServerError { status_code: 404, .. }))) => return End::Gone,
            Ok(Some(Err(error))) => return End::Failed(error.to_string()),
            Ok(None) => return End::Closed,
            Err(_) => return End::Silent,
        }
    }
}

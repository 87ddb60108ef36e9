//! Answers scrapes: one at a time, and each in time.

mod lent;
mod worker;

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use prometheus_client::registry::Registry;
use tokio::sync::oneshot::{Receiver, error::RecvError};
use tokio::task::JoinError;
use tokio::time::timeout_at;

use self::lent::Home;
use self::worker::Worker;

use crate::cli::Common;
use crate::collector::{Bench, CollectorSet, Filter, Ticket};
use crate::exposition::{Exposition, Format, Source, Writer, write_own};
use crate::identity::SharedIdentity;
use crate::self_metrics::{Process, write_identity};
use crate::server::gzip::Gzip;
use crate::server::requests::Requests;

/// Prometheus' own default, for requests that do not say how long they wait.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);
/// Longer than any scrape may take.
const LONGEST_TIMEOUT: Duration = Duration::from_mins(10);
/// What is kept back for the way of the answer; at most a fifth of the whole time.
const MARGIN: Duration = Duration::from_millis(500);

/// How long a scrape may take by `X-Prometheus-Scrape-Timeout-Seconds`.
pub(crate) fn budget(header: Option<&str>) -> Duration {
    let timeout = header
        .and_then(|text| text.trim().parse().ok())
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .filter(|timeout| !timeout.is_zero())
        .map_or(DEFAULT_TIMEOUT, |timeout| timeout.min(LONGEST_TIMEOUT));
    timeout.saturating_sub(MARGIN.min(timeout / 5))
}

/// What a request asks for.
#[derive(Debug, Clone)]
pub(crate) struct Wish {
    pub(crate) filter: Filter,
    pub(crate) format: Format,
    pub(crate) compress: bool,
    pub(crate) budget: Duration,
}

/// The answers of an agent, and what is needed to make them.
#[derive(Debug)]
pub(crate) struct Scraper {
    agent: &'static str,
    version: &'static str,
    common: Common,
    collectors: CollectorSet,
    registry: Registry,
    identity: SharedIdentity,
    /// What the server counts of scrapes.
    pub(crate) requests: Requests,
    turn: tokio::sync::Mutex<()>,
    worker: Worker,
    /// With the thread that is at work; one that hangs keeps its own.
    workspace: Mutex<Option<Workspace>>,
    /// What the collectors wrote, which is sent as it is or packed.
    plain: Home,
    packed: Home,
    process: Mutex<Process>,
}

/// Memory that is kept from one scrape to the next.
#[derive(Debug, Default)]
struct Workspace {
    bench: Bench,
    gzip: Gzip,
}

/// A scrape that has no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ScrapeError {
    #[error("other scrapes took all the time that this one had, try again later")]
    Busy,
    #[error("the scrape failed: {0}")]
    Failed(#[from] JoinError),
    #[error("the scrape failed, the log tells why")]
    Ended(#[from] RecvError),
    #[error("there is no thread to collect: {0}")]
    NoThread(#[from] io::Error),
    #[error("the scrape was left to nobody, please report this")]
    Lost,
}

impl Scraper {
    pub(crate) fn new(
        agent: &'static str,
        version: &'static str,
        common: Common,
        collectors: CollectorSet,
        registry: Registry,
        identity: SharedIdentity,
    ) -> Self {
        Self {
            agent,
            version,
            common,
            collectors,
            registry,
            identity,
            requests: Requests::default(),
            turn: tokio::sync::Mutex::default(),
            worker: Worker::default(),
            workspace: Mutex::default(),
            plain: Home::default(),
            packed: Home::default(),
            process: Mutex::default(),
        }
    }

    /// The format of an answer. Names without `_total` beside those with it are two families in the text format and one
    /// in OpenMetrics, so there is no OpenMetrics where families are repeated under old names.
    pub(crate) fn format(&self, accept: Option<&str>) -> Format {
        if self.collectors.is_repeating() { Format::Text } else { Format::negotiate(accept) }
    }

    /// Whether a filter names collectors that run; the error is the answer's text.
    pub(crate) fn check(&self, filter: &Filter) -> Result<(), String> {
        self.collectors.check(filter).map_err(|e| e.to_string())
    }

    /// Collects and encodes one answer, within the budget: collectors that do not return in time are left behind.
    ///
    /// Must be driven to its end even when nobody waits for the answer any more: the next scrape counts on it.
    pub(crate) async fn scrape(self: Arc<Self>, wish: Wish) -> Result<Bytes, ScrapeError> {
        let deadline = Instant::now() + wish.budget;
        let _turn = timeout_at(deadline.into(), self.turn.lock()).await.map_err(|_| ScrapeError::Busy)?;
        // What was put there was text.
        self.collectors.recycle(String::from_utf8(self.plain.take()).unwrap_or_default());
        let ticket = self.collectors.begin(&wish.filter);
        let mut thread = self.start(ticket, &wish)?;
        loop {
            let ended = match self.collectors.patience(deadline) {
                Some(until) => timeout_at(until.into(), &mut thread).await,
                None => Ok((&mut thread).await),
            };
            match ended {
                Ok(answer) => return answer?.ok_or(ScrapeError::Lost),
                Err(_) => {
                    if let Some(ticket) = self.collectors.overtake(deadline) {
                        self.worker.abandon();
                        thread = self.start(ticket, &wish)?;
                    }
                }
            }
        }
    }

    fn start(self: &Arc<Self>, ticket: Ticket, wish: &Wish) -> io::Result<Receiver<Option<Bytes>>> {
        let scraper = Arc::clone(self);
        let Wish { format, compress, .. } = *wish;
        self.worker.run(move || scraper.work(ticket, format, compress))
    }

    /// What the thread does: `None` where another has taken over.
    fn work(self: Arc<Self>, ticket: Ticket, format: Format, compress: bool) -> Option<Bytes> {
        let kept = self.workspace.lock().unwrap_or_else(PoisonError::into_inner).take();
        let mut workspace = kept.unwrap_or_default();
        let Workspace { bench, gzip } = &mut workspace;
        if !self.collectors.run(ticket, bench, format, &self.common.labels) {
            return None;
        }
        let mut text = self.collectors.text();
        let tail = Arc::new(Tail(Arc::clone(&self)));
        Writer::new(format, &self.common.labels, tail).append(&mut text);
        write_own(&mut text, format, &self.registry);
        let answer = if compress {
            let answer = gzip.compress(text.as_bytes(), self.packed.take());
            self.plain.put(text.into_bytes());
            self.packed.lend(answer)
        } else {
            self.plain.lend(text.into_bytes())
        };
        *self.workspace.lock().unwrap_or_else(PoisonError::into_inner) = Some(workspace);
        Some(answer)
    }
}

/// What comes after the collectors.
struct Tail(Arc<Scraper>);

impl Source for Tail {
    fn expose(&self, out: &mut Exposition<'_>) {
        let Scraper { agent, version, common, collectors, identity, requests, process, .. } = &*self.0;
        collectors.write_rows(out);
        write_identity(out, agent, version, identity, common.node_meta);
        if common.exporter_metrics {
            process.lock().unwrap_or_else(PoisonError::into_inner).write(out);
            requests.write(out);
        }
    }
}

#[cfg(test)]
mod tests;

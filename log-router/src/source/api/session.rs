//! One `GET /containers/{id}/logs` from its beginning to its end.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use agent_core::docker::bollard::Docker;
use agent_core::docker::bollard::container::LogOutput;
use agent_core::docker::bollard::errors::Error;
use agent_core::docker::bollard::query_parameters::LogsOptionsBuilder;
use futures_util::{FutureExt, StreamExt};
use hyper::Version;
use tokio::sync::{Notify, mpsc};
use tokio::task::yield_now;
use tokio::time::{sleep, timeout};

use super::frame::{self, Frame};
use crate::record::Stream;

/// What is handed over together where lines come fast.
const MOST_BYTES: usize = 64 * 1024;
/// A frame's cost beside its text.
const FRAME_BYTES: usize = size_of::<Frame>();
/// The engine writes each line by itself. Whoever is woken by each pays for it more than for the line: after some that came,
/// others gather in the socket for so long.
const GATHER: Duration = Duration::from_millis(2);

/// A log is read from this many lines before its end to find a place again, then from twice as many and so on: the
/// engine reads backwards for it, where `since` has it read everything that it keeps.
const FIRST_TAIL: u64 = 1000;
const MOST_TAIL: u64 = 64_000;
const SECOND: i64 = 1_000_000_000;
/// A stream that is silent for so long is looked after.
const SILENCE: Duration = Duration::from_secs(60);
/// A line that the engine has kept for so long without passing it on has been forgotten.
const PATIENCE: Duration = Duration::from_secs(5);

/// What is asked.
#[derive(Debug)]
pub(super) struct Request {
    pub docker: Docker,
    pub id: String,
    pub terminal: bool,
    pub ask: Ask,
}

/// Where a stream is to begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ask {
    /// With the first line of this second; 0 or less asks for everything.
    Since(i64),
    /// With so many of the last lines.
    Last(u64),
    /// Before the line of this time in nanoseconds, wherever it is.
    Behind { time: i64 },
}

/// What comes back.
#[derive(Debug)]
pub(super) enum Item {
    Frames(Vec<Frame>),
    /// The last item.
    End(End),
}

/// How a stream ended.
#[derive(Debug)]
pub(super) enum End {
    /// In order: the container is not running, or its log was closed.
    Finished,
    /// The container does not exist any more.
    Gone,
    /// Its log driver has nothing to read.
    Unreadable(String),
    /// It does not reach back to the place that is looked for.
    TooLate,
    /// Anything that may be better next time.
    Failed(String),
}

/// Follows a log until it ends or nobody listens any more.
pub(super) async fn follow(request: Request, items: mpsc::Sender<Item>, wake: Arc<Notify>) {
    let end = run(&request, &items, &wake).await;
    if let Some(end) = end
        && items.send(Item::End(end)).await.is_ok()
    {
        wake.notify_one();
    }
}

/// `None` where nobody listens any more.
async fn run(request: &Request, items: &mpsc::Sender<Item>, wake: &Notify) -> Option<End> {
    let Ask::Behind { time } = request.ask else {
        return stream(request, request.ask, None, items, wake).await;
    };
    let mut lines = FIRST_TAIL;
    while lines <= MOST_TAIL {
        match stream(request, Ask::Last(lines), Some(time), items, wake).await {
            Some(End::TooLate) => lines *= 2,
            end => return end,
        }
    }
    stream(request, Ask::Since(time.div_euclid(SECOND)), None, items, wake).await
}

/// Follows from one place; ends at once where the first line is not older than `behind`.
async fn stream(
    request: &Request,
    ask: Ask,
    behind: Option<i64>,
    items: &mpsc::Sender<Item>,
    wake: &Notify,
) -> Option<End> {
    let options = LogsOptionsBuilder::default().follow(true).stdout(true).stderr(true).timestamps(true);
    let options = match ask {
        Ask::Since(seconds) => options.since(i32::try_from(seconds).unwrap_or(i32::MAX).max(0)),
        Ask::Last(lines) => options.tail(&lines.to_string()),
        Ask::Behind { time } => {
            options.since(i32::try_from(time.div_euclid(SECOND)).unwrap_or(i32::MAX).max(0))
        }
    };
    let docker = unchunked(&request.docker);
    let mut stream = pin!(docker.logs(&request.id, Some(options.build())));
    let (mut newest, mut first, mut suspicious) = (None::<i64>, true, false);
    loop {
        let patience = if suspicious { PATIENCE } else { SILENCE };
        let output = match timeout(patience, stream.next()).await {
            Ok(output) => output,
            Err(_) if suspicious => {
                return Some(End::Failed("the engine has lines that it does not pass on".to_owned()));
            }
            Err(_) => {
                // A line that came just now may still be on its way.
                suspicious = keeps_newer(request, newest).await;
                continue;
            }
        };
        suspicious = false;
        let mut read = Read::default();
        read.take(request.terminal, output);
        if read.end.is_none() {
            sleep(GATHER).await;
            read.gather(request.terminal, &mut stream).await;
        }
        let Read { frames, mut end, .. } = read;
        if let Some(frame) = frames.first().filter(|_| first) {
            first = false;
            if behind.is_some_and(|time| frame.time >= time) {
                return Some(End::TooLate);
            }
        }
        newest = frames.iter().map(|frame| frame.time).max().max(newest);
        if !frames.is_empty() {
            items.send(Item::Frames(frames)).await.ok()?;
            wake.notify_one();
        }
        if let Some(End::Finished) = end
            && let Err(error) = request.docker.ping().await
        {
            // Without chunks the end of a stream and the end of the engine look the same.
            end = Some(End::Failed(error.to_string()));
        }
        if end.is_some() {
            return end;
        }
    }
}

/// HTTP/1.0 knows no chunks: the stream comes as it is, and hyper hands on what a read brings instead of a line each.
fn unchunked(docker: &Docker) -> Docker {
    docker.clone().with_request_modifier(|mut request| {
        *request.version_mut() = Version::HTTP_10;
        request
    })
}

/// What came at once.
#[derive(Debug, Default)]
struct Read {
    frames: Vec<Frame>,
    bytes: usize,
    end: Option<End>,
}

impl Read {
    /// Takes what is there without waiting, up to a limit.
    async fn gather<S>(&mut self, terminal: bool, stream: &mut S)
    where
        S: StreamExt<Item = Result<LogOutput, Error>> + Unpin,
    {
        let mut idle = false;
        while self.end.is_none() && self.bytes < MOST_BYTES {
            match stream.next().now_or_never() {
                Some(output) => {
                    self.take(terminal, output);
                    idle = false;
                }
                None if idle => return,
                None => {
                    // The connection is a task of its own, which may have more in its hands.
                    yield_now().await;
                    idle = true;
                }
            }
        }
    }

    fn take(&mut self, terminal: bool, output: Option<Result<LogOutput, Error>>) {
        match output {
            Some(Ok(output)) => {
                self.bytes += output.as_ref().len() + FRAME_BYTES;
                self.end = read(terminal, output, &mut self.frames).err().map(End::Failed);
            }
            Some(Err(error)) => self.end = Some(end_by(&error)),
            None => self.end = Some(End::Finished),
        }
    }
}

/// Whether the engine keeps a line that is newer than everything it passed on: it has forgotten who follows, as engines
/// do at rotations.
async fn keeps_newer(request: &Request, newest: Option<i64>) -> bool {
    let options = LogsOptionsBuilder::default().stdout(true).stderr(true).timestamps(true).tail("1").build();
    let mut last = pin!(request.docker.logs(&request.id, Some(options)));
    let mut kept = None;
    while let Some(Ok(output)) = last.next().await {
        let mut frames = Vec::new();
        if read(request.terminal, output, &mut frames).is_err() {
            break;
        }
        kept = frames.iter().map(|frame| frame.time).max().max(kept);
    }
    // Nothing passed on at all is no proof: everything may be older than what was asked for.
    newest.is_some() && kept > newest
}

fn read(terminal: bool, output: LogOutput, frames: &mut Vec<Frame>) -> Result<(), String> {
    let frame = match output {
        LogOutput::StdOut { message } => frame::parse(Stream::Stdout, &message),
        LogOutput::StdErr { message } => frame::parse(Stream::Stderr, &message),
        LogOutput::Console { message } if terminal => {
            return frame::parse_terminal_lines(&message, frames).ok_or_else(no_time);
        }
        // The engine tells its errors within the stream, as a kind of frame that bollard does not know.
        LogOutput::Console { message } | LogOutput::StdIn { message } => {
            return Err(String::from_utf8_lossy(&message).trim_matches(|c: char| c.is_control()).to_owned());
        }
    };
    frames.push(frame.ok_or_else(no_time)?);
    Ok(())
}

fn no_time() -> String {
    "a frame has no time".to_owned()
}

fn end_by(error: &Error) -> End {
    match error {
        Error::DockerResponseServerError { status_code: 404, .. } => End::Gone,
        // 501 since API 1.24; a driver that refuses to be read gives 500 on some engines and would for ever.
        Error::DockerResponseServerError { status_code: 501, message } => End::Unreadable(message.clone()),
        other => End::Failed(other.to_string()),
    }
}

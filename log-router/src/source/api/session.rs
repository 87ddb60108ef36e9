//! One `GET /containers/{id}/logs` from its beginning to its end.

use std::pin::pin;
use std::sync::Arc;

use agent_core::docker::bollard::Docker;
use agent_core::docker::bollard::container::LogOutput;
use agent_core::docker::bollard::errors::Error;
use agent_core::docker::bollard::query_parameters::LogsOptionsBuilder;
use futures_util::StreamExt;
use tokio::sync::{Notify, mpsc};

use super::frame::{self, Frame};
use crate::record::Stream;

/// Frames that are handed over together where they come fast.
const MOST_FRAMES: usize = 32;

/// What is asked.
#[derive(Debug)]
pub(super) struct Request {
    pub docker: Docker,
    pub id: String,
    pub terminal: bool,
    /// 0 or less asks for everything.
    pub since_seconds: i64,
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
    let since = i32::try_from(request.since_seconds).unwrap_or(i32::MAX).max(0);
    let options = LogsOptionsBuilder::default().follow(true).stdout(true).stderr(true).timestamps(true);
    let options = options.since(since).build();
    let mut stream = pin!(request.docker.logs(&request.id, Some(options)).ready_chunks(MOST_FRAMES));
    while let Some(outputs) = stream.next().await {
        let mut frames = Vec::with_capacity(outputs.len());
        let mut end = None;
        for output in outputs {
            match output {
                Ok(output) => match read(request.terminal, &output) {
                    Ok(frame) => frames.push(frame),
                    Err(problem) => end = end.or(Some(End::Failed(problem))),
                },
                Err(error) => end = end.or_else(|| Some(end_by(&error))),
            }
        }
        if !frames.is_empty() {
            items.send(Item::Frames(frames)).await.ok()?;
            wake.notify_one();
        }
        if end.is_some() {
            return end;
        }
    }
    Some(End::Finished)
}

fn read(terminal: bool, output: &LogOutput) -> Result<Frame, String> {
    let frame = match output {
        LogOutput::StdOut { message } => frame::parse(Stream::Stdout, message),
        LogOutput::StdErr { message } => frame::parse(Stream::Stderr, message),
        LogOutput::Console { message } if terminal => frame::parse_terminal(message),
        // The engine tells its errors within the stream, as a kind of frame that bollard does not know.
        LogOutput::Console { message } | LogOutput::StdIn { message } => {
            return Err(String::from_utf8_lossy(message).trim_matches(|c: char| c.is_control()).to_owned());
        }
    };
    frame.ok_or_else(|| "a frame has no time".to_owned())
}

fn end_by(error: &Error) -> End {
    match error {
        Error::DockerResponseServerError { status_code: 404, .. } => End::Gone,
        // 501 since API 1.24; a driver that refuses to be read gives 500 on some engines and would for ever.
        Error::DockerResponseServerError { status_code: 501, message } => End::Unreadable(message.clone()),
        other => End::Failed(other.to_string()),
    }
}

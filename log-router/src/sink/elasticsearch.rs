//! `elasticsearch://`: bulk requests into daily indices with the fields that Logstash's syslog input would give.
//!
//! Every line has an ID of its own that follows from the line, so whatever is sent twice is stored once.

mod answer;
mod bulk;
mod client;
mod dead_letters;
mod event;

use std::fmt;
use std::ops::ControlFlow;
use std::time::Duration;

use agent_core::error::ConfigError;
use tracing::warn;

use self::answer::Outcome;
use self::bulk::Bulk;
use self::client::{Answer, Client};
use self::dead_letters::DeadLetters;
use self::event::Events;
use super::{Built, Delivery, Link, Sink};
use crate::record::Batch;
use crate::route::Route;

/// The port where the URI has none.
const DEFAULT_PORT: u16 = 9200;
/// A request's documents before compression: the server takes 100 MB, but memory is ours.
const BULK_BYTES: usize = 2 * 1024 * 1024;
/// A server that takes less than this takes next to nothing.
const LEAST_BULK_BYTES: usize = 64 * 1024;
/// What a search sees later than this is late.
const LINGER: Duration = Duration::from_millis(200);
const TEMPLATE_NAME: &str = "swarmscope-logstash";
/// Text for searches as the book does them, keywords for everything else.
const TEMPLATE: &str = include_str!("elasticsearch/template.json");

/// What the command line says to Elasticsearch outputs.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Settings {
    /// `--elasticsearch.username` and the content of `--elasticsearch.password-file`.
    pub user: Option<(String, String)>,
    /// The content of `--elasticsearch.ca-file`.
    pub authorities: Option<Vec<u8>>,
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not derived: the password stays out.
        let user = self.user.as_ref().map(|(name, _)| name);
        f.debug_struct("Settings").field("user", &user).finish_non_exhaustive()
    }
}

/// `elasticsearch://`.
pub fn http(route: &Route, settings: &super::Settings) -> Built {
    build("http", route, settings)
}

/// `elasticsearch+tls://`.
pub fn https(route: &Route, settings: &super::Settings) -> Built {
    build("https", route, settings)
}

fn build(protocol: &str, route: &Route, settings: &super::Settings) -> Built {
    let host = if route.host.contains(':') { format!("[{}]", route.host) } else { route.host.clone() };
    let url = format!("{protocol}://{host}:{}/", route.port.unwrap_or(DEFAULT_PORT));
    // A name alone in the URI goes with the password of the command line.
    let user = match (&route.user, &settings.elasticsearch.user) {
        (Some((name, password)), Some((_, from_file))) if password.is_empty() => {
            Some((name.clone(), from_file.clone()))
        }
        (Some(user), _) => Some(user.clone()),
        (None, user) => user.clone(),
    };
    let client =
        Client::new(&url, user, settings.elasticsearch.authorities.as_deref()).map_err(|problem| {
            ConfigError::new(
                "route",
                route.to_string(),
                format!("cannot be used: {problem}"),
                "check host and certificates",
            )
        })?;
    Ok(Box::new(ElasticsearchSink {
        client,
        events: Events::new(settings.identity.clone()),
        dead_letters: DeadLetters::new(settings.dead_letters.as_ref().map(|folder| folder.join(route.key()))),
        bulk_bytes: BULK_BYTES,
        set_up: false,
    }))
}

/// One cluster.
#[derive(Debug)]
struct ElasticsearchSink {
    client: Client,
    events: Events,
    dead_letters: DeadLetters,
    /// What this server takes at once, as far as it told us.
    bulk_bytes: usize,
    /// The template is there.
    set_up: bool,
}

impl Sink for ElasticsearchSink {
    fn linger(&self) -> Duration {
        LINGER
    }

    fn deliver<'a>(&'a mut self, batch: &'a Batch, link: &'a mut Link) -> Delivery<'a> {
        Box::pin(self.deliver_all(batch, link))
    }
}

impl ElasticsearchSink {
    async fn deliver_all(&mut self, batch: &Batch, link: &mut Link) {
        self.set_up(link).await;
        self.events.begin(batch);
        // Lines that come again, the next ones last; before everything that was not tried yet.
        let mut again: Vec<Vec<usize>> = Vec::new();
        let mut untried = 0;
        while let Some(lines) = again.pop().or_else(|| (untried < batch.line_count()).then(Vec::new)) {
            let bulk = if lines.is_empty() {
                let bulk = Bulk::fill(&self.events, batch, untried.., self.bulk_bytes);
                untried += bulk.len();
                bulk
            } else {
                Bulk::fill(&self.events, batch, lines, usize::MAX)
            };
            self.send(bulk, batch, link, &mut again).await;
        }
    }

    /// Sends one request; what has to come again goes to `again`.
    async fn send(&mut self, bulk: Bulk, batch: &Batch, link: &mut Link, again: &mut Vec<Vec<usize>>) {
        let (body, lines) = bulk.compress().await;
        let answer = match self.client.bulk(body).await {
            Ok(answer) => answer,
            Err(problem) => {
                again.push(lines);
                return link.failed("transport", &problem).await;
            }
        };
        match (answer.status, answer::read(&answer, lines.len())) {
            (413, _) => self.too_large(lines, batch, link, again),
            (200..=299, Ok(outcomes)) => self.sort(&lines, outcomes, batch, link, again).await,
            (200..=299, Err(problem)) => {
                again.push(lines);
                link.failed("answer", &problem).await;
            }
            (status, _) => {
                again.push(lines);
                link.failed(answer::kind(status), &answer.told()).await;
            }
        }
    }

    fn too_large(
        &mut self,
        mut lines: Vec<usize>,
        batch: &Batch,
        link: &mut Link,
        again: &mut Vec<Vec<usize>>,
    ) {
        link.metrics().error("too_large");
        if lines.len() < 2 {
            return self.reject(&lines, "the request is too large for the server", batch, link);
        }
        self.bulk_bytes = (self.bulk_bytes / 2).max(LEAST_BULK_BYTES);
        let second = lines.split_off(lines.len() / 2);
        again.push(second);
        again.push(lines);
    }

    async fn sort(
        &mut self,
        lines: &[usize],
        outcomes: Vec<Outcome>,
        batch: &Batch,
        link: &mut Link,
        again: &mut Vec<Vec<usize>>,
    ) {
        let mut waiting = Vec::new();
        let mut trouble = None;
        for (line, outcome) in lines.iter().zip(outcomes) {
            match outcome {
                Outcome::Stored => {}
                Outcome::Known => {
                    link.metrics().duplicates.inc();
                }
                Outcome::Later { status, reason } => {
                    waiting.push(*line);
                    trouble.get_or_insert((status, reason));
                }
                Outcome::Rejected { reason } => self.reject(&[*line], &reason, batch, link),
            }
        }
        match trouble {
            None => link.succeeded(),
            Some((status, reason)) => {
                again.push(waiting);
                link.failed(answer::kind(status), &reason).await;
            }
        }
    }

    /// Lines that can never be stored.
    fn reject(&mut self, lines: &[usize], reason: &str, batch: &Batch, link: &Link) {
        link.metrics().dead_letters.inc_by(lines.len() as u64);
        for line in lines.iter().filter_map(|line| batch.get(*line)) {
            self.dead_letters.add(&line, reason, &self.events);
        }
    }

    async fn set_up(&mut self, link: &mut Link) {
        while !self.set_up {
            match self.client.put_template(TEMPLATE_NAME, TEMPLATE).await {
                Ok(answer) => match judge_set_up(&answer) {
                    ControlFlow::Break(()) => self.set_up = true,
                    ControlFlow::Continue(()) => {
                        link.failed(answer::kind(answer.status), &answer.told()).await;
                    }
                },
                Err(problem) => link.failed("transport", &problem).await,
            }
        }
    }
}

/// Lines must not wait for ever for a template that this user may not put.
fn judge_set_up(answer: &Answer) -> ControlFlow<()> {
    match answer.status {
        200..=299 => ControlFlow::Break(()),
        400 | 403 | 405 => {
            warn!(
                status = answer.status,
                problem = answer.told(),
                "the index template is not put; lines go without it"
            );
            ControlFlow::Break(())
        }
        _ => ControlFlow::Continue(()),
    }
}

#[cfg(test)]
mod tests;

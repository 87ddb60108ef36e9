//! `elasticsearch://`: bulk requests into daily indices with the fields that Logstash's syslog input would give, or into a
//! data stream with those of ECS.
//!
//! Every line has an ID of its own that follows from the line, so whatever is sent twice is stored once.

mod answer;
mod bulk;
mod client;
mod command;
mod dead_letters;
mod ecs;
pub(in crate::sink) mod event;
mod replay;
mod server;
mod setup;
mod target;

use std::ops::ControlFlow;
use std::time::Duration;

use serde_json::{Value, json};
use tracing::warn;

use self::answer::Outcome;
use self::bulk::Bulk;
use self::client::{Answer, Method};
pub use self::command::{REPLAY, SETUP};
use self::dead_letters::DeadLetters;
use self::event::{Events, write_id};
use self::server::Flavor;
use self::target::{Login, Target};
pub use self::target::{OPTIONS, Settings};
use super::{Built, Delivery, Link, Probe, Sink};
use crate::record::Batch;
use crate::route::Route;

/// A request's documents before compression: the server takes 100 MB, but memory is ours.
const BULK_BYTES: usize = 2 * 1024 * 1024;
/// A server that takes less than this takes next to nothing.
const LEAST_BULK_BYTES: usize = 64 * 1024;
/// What a search sees later than this is late.
const LINGER: Duration = Duration::from_millis(200);
/// Documents that are asked for at once.
const GET_AT_ONCE: usize = 500;

/// Text for searches as the book does them, keywords for everything else.
const fn book_template() -> (&'static str, &'static str) {
    ("swarmscope-logstash", include_str!("elasticsearch/template.json"))
}

const fn stream_template() -> (&'static str, &'static str) {
    ("swarmscope-logs-docker", include_str!("elasticsearch/data-stream.json"))
}

/// Asks for the server's name, as the first delivery does.
pub(super) async fn probe(protocol: &str, route: &Route, settings: &super::Settings) -> Probe {
    let target = match Target::new(protocol, route, &settings.elasticsearch) {
        Ok(target) => target,
        Err(error) => return Probe::Refuses(error.to_string()),
    };
    match target.client.call(Method::Get, "/", None).await {
        Ok(answer) if answer.is_success() || matches!(answer.status, 403..=405) => Probe::Takes,
        Ok(answer) => Probe::Refuses(answer.told()),
        Err(problem) => Probe::Unreachable(problem),
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
    let target = Target::new(protocol, route, &settings.elasticsearch)?;
    Ok(Box::new(ElasticsearchSink {
        events: Events::new(settings.identity.clone(), target.mode.clone()),
        target,
        dead_letters: DeadLetters::new(settings.dead_letters.as_ref().map(|folder| folder.join(route.key()))),
        bulk_bytes: BULK_BYTES,
        most_bytes: BULK_BYTES,
        set_up: false,
        unchecked_told: false,
    }))
}

/// A line of a batch on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    /// Where it is in the batch.
    index: usize,
    /// It was sent before, so a document by its ID is it.
    sent: bool,
    /// So many IDs of it are taken by other lines.
    attempt: u8,
}

/// One cluster.
#[derive(Debug)]
struct ElasticsearchSink {
    target: Target,
    events: Events,
    dead_letters: DeadLetters,
    /// What this server takes at once now, as far as it told us.
    bulk_bytes: usize,
    /// And at most.
    most_bytes: usize,
    /// The template is there.
    set_up: bool,
    /// It was told that documents cannot be compared.
    unchecked_told: bool,
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
        let mut again: Vec<Vec<Place>> = Vec::new();
        let mut untried = 0;
        while let Some(lines) = again.pop().or_else(|| (untried < batch.line_count()).then(Vec::new)) {
            let bulk = if lines.is_empty() {
                let places = (untried..).map(|index| Place { index, sent: false, attempt: 0 });
                let bulk = Bulk::fill(&self.events, batch, places, self.bulk_bytes);
                untried += bulk.len();
                bulk
            } else {
                Bulk::fill(&self.events, batch, lines, usize::MAX)
            };
            self.send(bulk, batch, link, &mut again).await;
        }
    }

    /// Sends one request; what has to come again goes to `again`.
    async fn send(&mut self, bulk: Bulk, batch: &Batch, link: &mut Link, again: &mut Vec<Vec<Place>>) {
        let (body, mut lines) = bulk.compress().await;
        let begun = std::time::Instant::now();
        let answer = self.target.client.bulk(body).await;
        link.metrics().took(begun.elapsed());
        let answer = match answer {
            Ok(answer) => answer,
            Err(problem) => {
                // It may have come all the same.
                mark_sent(&mut lines);
                again.push(lines);
                return link.failed("transport", &problem).await;
            }
        };
        match (answer.status, answer::read(&answer, lines.len())) {
            (413, _) => self.too_large(lines, batch, link, again),
            (200..=299, Ok(outcomes)) => {
                self.bulk_bytes = (self.bulk_bytes + self.bulk_bytes / 8).min(self.most_bytes);
                self.sort(&lines, outcomes, batch, link, again).await;
            }
            (200..=299, Err(problem)) => {
                mark_sent(&mut lines);
                halve(lines, again);
                link.failed("answer", &problem).await;
            }
            // What is too much at once for a busy server comes in smaller parts, down to single lines.
            (429, _) => {
                self.bulk_bytes = (self.bulk_bytes / 2).max(LEAST_BULK_BYTES);
                halve(lines, again);
                link.failed("too_many_requests", &answer.told()).await;
            }
            // One line that the server cannot read must not keep the others.
            (400, _) => {
                halve(lines, again);
                link.failed("refused", &answer.told()).await;
            }
            (status, _) => {
                if status >= 500 {
                    mark_sent(&mut lines);
                }
                again.push(lines);
                link.failed(answer::kind(status), &answer.told()).await;
            }
        }
    }

    fn too_large(&mut self, lines: Vec<Place>, batch: &Batch, link: &mut Link, again: &mut Vec<Vec<Place>>) {
        link.metrics().error("too_large");
        if lines.len() < 2 {
            return self.reject(&lines, "the request is too large for the server", batch, link);
        }
        self.bulk_bytes = (self.bulk_bytes / 2).max(LEAST_BULK_BYTES);
        self.most_bytes = self.bulk_bytes;
        halve(lines, again);
    }

    async fn sort(
        &mut self,
        lines: &[Place],
        outcomes: Vec<Outcome>,
        batch: &Batch,
        link: &mut Link,
        again: &mut Vec<Vec<Place>>,
    ) {
        let mut waiting = Vec::new();
        let mut taken = Vec::new();
        let mut trouble = None;
        for (place, outcome) in lines.iter().zip(outcomes) {
            match outcome {
                Outcome::Stored => {}
                Outcome::Known { .. } if place.sent => {
                    link.metrics().duplicates.inc();
                }
                Outcome::Known { index } => taken.push((*place, index)),
                Outcome::Later { status, reason } => {
                    waiting.push(*place);
                    trouble.get_or_insert((status, reason));
                }
                Outcome::Rejected { reason } => self.reject(&[*place], &reason, batch, link),
            }
        }
        waiting.extend(self.compare(taken, batch, link).await);
        if !waiting.is_empty() {
            waiting.sort_unstable_by_key(|place| place.index);
            again.push(waiting);
        }
        match trouble {
            None => link.succeeded(),
            Some((status, reason)) => link.failed(answer::kind(status), &reason).await,
        }
    }

    /// Whether the documents by the IDs of these lines are these lines, sent by an earlier run, or others, which must not
    /// cost ours. Gives the lines that are to be sent again.
    async fn compare(&mut self, taken: Vec<(Place, String)>, batch: &Batch, link: &Link) -> Vec<Place> {
        let mut again = Vec::new();
        for some in taken.chunks(GET_AT_ONCE) {
            let question: Vec<Value> =
                some.iter().map(|(place, index)| self.question(place, index, batch)).collect();
            let answer =
                self.target.client.get_many(json!({"docs": question}).to_string().into_bytes()).await;
            let messages = match answer {
                Ok(answer) if answer.is_success() => answer::read_messages(&answer),
                // Nobody may read here: what is known of an ID is that it follows from the line.
                Ok(answer) if matches!(answer.status, 401 | 403) => {
                    if !std::mem::replace(&mut self.unchecked_told, true) {
                        warn!(
                            problem = answer.told(),
                            "documents cannot be compared; a line whose ID is known counts as sent before"
                        );
                    }
                    link.metrics().duplicates.inc_by(some.len() as u64);
                    continue;
                }
                Ok(answer) => Err(answer.told()),
                Err(problem) => Err(problem),
            };
            let Ok(messages) = messages.inspect_err(|problem| {
                tracing::debug!(problem, "documents are compared later");
            }) else {
                again.extend(some.iter().map(|(place, _)| *place));
                continue;
            };
            let messages = messages.into_iter().chain(std::iter::repeat(None));
            for ((place, _), message) in some.iter().zip(messages) {
                match message {
                    Some(message) if Some(&message) == self.message(place, batch).as_ref() => {
                        link.metrics().duplicates.inc();
                    }
                    Some(_) => {
                        link.metrics().collisions.inc();
                        again.push(Place { attempt: place.attempt.saturating_add(1), ..*place });
                    }
                    // Gone since, or never whole: once more.
                    None => again.push(*place),
                }
            }
        }
        again
    }

    fn question(&self, place: &Place, index: &str, batch: &Batch) -> Value {
        let mut id = Vec::new();
        let mut own_index = Vec::new();
        if let Some(line) = batch.get(place.index) {
            write_id(&line, place.attempt, &mut id);
            self.events.write_index(&line, &mut own_index);
        }
        let own_index = String::from_utf8_lossy(&own_index);
        // Of a data stream the server names the index behind it.
        let index = if index.is_empty() { &*own_index } else { index };
        json!({"_index": index, "_id": String::from_utf8_lossy(&id), "_source": ["message"]})
    }

    fn message(&self, place: &Place, batch: &Batch) -> Option<String> {
        let mut document = Vec::new();
        self.events.write_document(&batch.get(place.index)?, &mut document);
        let document: Value = serde_json::from_slice(&document).ok()?;
        document.get("message")?.as_str().map(str::to_owned)
    }

    /// Lines that can never be stored.
    fn reject(&mut self, lines: &[Place], reason: &str, batch: &Batch, link: &Link) {
        link.metrics().dead_letters.inc_by(lines.len() as u64);
        for line in lines.iter().filter_map(|place| batch.get(place.index)) {
            if !self.dead_letters.add(&line, reason, &self.events) {
                link.metrics().dropped("dead_letter", 1);
            }
        }
    }

    async fn set_up(&mut self, link: &mut Link) {
        while !self.set_up {
            let (name, template) = self.target.template();
            let flavor = match self.target.client.call(Method::Get, "/", None).await {
                // Who may not ask may write none the less.
                Ok(answer) if answer.is_success() || matches!(answer.status, 403..=405) => {
                    Flavor::parse(&answer.body)
                }
                Ok(answer) => {
                    link.failed(answer::kind(answer.status), &answer.told()).await;
                    continue;
                }
                Err(problem) => {
                    link.failed("transport", &problem).await;
                    continue;
                }
            };
            let template = flavor.template(template).to_string();
            // `create`: what `log-router setup` put, with its retention, stays.
            let path = format!("/_index_template/{name}?create=true");
            match self.target.client.call(Method::Put, &path, Some(template)).await {
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

/// They may have come although nobody said so.
fn mark_sent(lines: &mut [Place]) {
    for place in lines {
        place.sent = true;
    }
}

/// One line alone comes again as it is.
fn halve(mut lines: Vec<Place>, again: &mut Vec<Vec<Place>>) {
    let second = lines.split_off(lines.len().div_ceil(2));
    again.extend([second, lines].into_iter().filter(|lines| !lines.is_empty()));
}

/// Lines must not wait for ever for a template that this user may not put.
fn judge_set_up(answer: &Answer) -> ControlFlow<()> {
    match answer.status {
        200..=299 => ControlFlow::Break(()),
        400 if answer.told().contains("already exists") => ControlFlow::Break(()),
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

/// Answers of a server.
#[cfg(fuzzing)]
pub fn fuzz(bytes: &[u8], count: usize) {
    answer::fuzz(bytes, count);
    Flavor::parse(bytes);
}

#[cfg(test)]
mod tests;

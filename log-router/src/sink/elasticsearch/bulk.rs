//! The body of a bulk request.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::Place;
use super::event::Events;
use crate::record::Batch;

/// Documents of some lines of a batch.
#[derive(Debug)]
pub(super) struct Bulk {
    body: Vec<u8>,
    lines: Vec<Place>,
}

impl Bulk {
    /// Takes lines by their places in the batch, at least one, until the body has `limit` bytes.
    pub(super) fn fill(
        events: &Events,
        batch: &Batch,
        places: impl IntoIterator<Item = Place>,
        limit: usize,
    ) -> Self {
        let mut bulk = Self { body: Vec::new(), lines: Vec::new() };
        for place in places {
            let Some(line) = batch.get(place.index) else { break };
            events.write(&line, place.attempt, &mut bulk.body);
            bulk.lines.push(place);
            if bulk.body.len() >= limit {
                break;
            }
        }
        bulk
    }

    /// How many lines.
    pub(super) fn len(&self) -> usize {
        self.lines.len()
    }

    /// The gzipped body and the places of its lines. Compresses beside the runtime: it takes milliseconds.
    pub(super) async fn compress(self) -> (Vec<u8>, Vec<Place>) {
        let Self { body, lines } = self;
        let compressed = tokio::task::spawn_blocking(move || gzip(&body)).await;
        // An empty body is answered with an error, and the lines come again.
        (compressed.unwrap_or_default(), lines)
    }
}

pub(super) fn gzip(body: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 8 + 1024), Compression::fast());
    // Writing to a Vec cannot fail.
    encoder.write_all(body).and_then(|()| encoder.finish()).unwrap_or_default()
}

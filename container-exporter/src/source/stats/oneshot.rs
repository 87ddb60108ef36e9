//! One question for each container.

use std::time::Duration;

use agent_core::docker::bollard::Docker;
use agent_core::docker::bollard::query_parameters::StatsOptionsBuilder;
use futures_util::StreamExt;
use futures_util::stream::iter;
use tokio::time::timeout;
use tracing::debug;

use super::Desk;
use super::mode::is_prompt;
use super::parse::parse_stats;
use crate::store::{Running, Store};

/// An engine that answers at once is not asked more at the same time than this.
const AT_ONCE: usize = 5;
/// One that answers with its next round is: all questions share a round.
const IN_A_ROUND: usize = 100;
const PATIENCE: Duration = Duration::from_secs(4);

/// Asks for all of them, and leaves their samples on the desk.
pub(super) async fn ask(desk: &Desk, store: &Store, running: &Running) {
    let engine = store.engine();
    let Some(docker) = engine.docker.clone().filter(|_| engine.connected) else { return };
    let most = if is_prompt(&engine.version) { AT_ONCE } else { IN_A_ROUND };
    let each =
        iter(running.iter()).for_each_concurrent(most, |container| ask_one(desk, &docker, &container.id));
    if timeout(PATIENCE, each).await.is_err() {
        debug!("the engine did not answer all questions for statistics in time");
    }
}

async fn ask_one(desk: &Desk, docker: &Docker, id: &str) {
    let options = StatsOptionsBuilder::default().stream(false).one_shot(true).build();
    match Box::pin(docker.stats(id, Some(options))).next().await {
        // A container that has stopped: zeros, which are no sample.
        Some(Ok(stats)) => {
            if let Some(sample) = parse_stats(&stats) {
                desk.put(id, sample);
            }
        }
        Some(Err(error)) => debug!(%error, container.id = id, "no statistics"),
        None => {}
    }
}

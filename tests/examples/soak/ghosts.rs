//! Series of what is gone.

use std::collections::BTreeSet;
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use e2e::command::run;

use crate::churn::{self, Churn};
use crate::watch::{Answer, Watched};

/// log-router reads to the end of a log whose container is gone; its series of that container may last as long.
const READ_TO_THE_END: Duration = Duration::from_secs(30);
/// The engine's event of a removal may come later than its answer to who asked for it, on a busy machine.
const TOLD: Duration = Duration::from_secs(2);

/// Gone things that an agent still told of: agent and name, once each.
#[derive(Debug, Default)]
pub(crate) struct Ghosts(pub(crate) BTreeSet<(String, String)>);

impl Ghosts {
    pub(crate) fn look(&mut self, watched: &Watched, answer: &Answer, churn: &Churn) {
        let patience = if watched.name == "log-router" { READ_TO_THE_END } else { TOLD };
        let Some(before) = answer.asked.checked_sub(patience) else { return };
        let mut seen = BTreeSet::new();
        for (at, mark) in answer.text.match_indices("churn-") {
            let digits = answer.text.get(at + mark.len()..at + mark.len() + 7);
            seen.extend(digits.and_then(|digits| digits.parse::<u64>().ok()));
        }
        for number in seen.into_iter().filter(|number| churn.was_gone(*number, before)) {
            self.0.insert((watched.name.to_owned(), churn::name(number)));
        }
        if watched.name == "node-exporter" {
            self.look_for_devices(answer);
        }
    }

    /// A device of ours that was gone when node-exporter was asked.
    fn look_for_devices(&mut self, answer: &Answer) {
        let now = Veth::name(VETHS.load(Ordering::SeqCst));
        for (at, _) in answer.text.match_indices("device=\"soakv") {
            let name = answer.text.get(at + 8..).and_then(|rest| rest.split('"').next()).unwrap_or_default();
            if !name.starts_with(&now) {
                self.0.insert(("node-exporter".to_owned(), name.to_owned()));
            }
        }
    }
}

static VETHS: AtomicU64 = AtomicU64::new(0);

/// A pair of network devices of the machine, with a name that never was.
pub(crate) struct Veth(String);

impl Veth {
    fn name(number: u64) -> String {
        format!("soakv{:x}n{number:04x}", std::process::id() % 0x1000)
    }

    pub(crate) fn new() -> Self {
        let name = Self::name(VETHS.fetch_add(1, Ordering::SeqCst) + 1);
        run("ip", &["link", "add", &name, "type", "veth", "peer", "name", &format!("{name}b")]);
        Self(name)
    }
}

impl Drop for Veth {
    fn drop(&mut self) {
        // A failure shows as a ghost.
        drop(Command::new("ip").args(["link", "del", &self.0]).status());
    }
}

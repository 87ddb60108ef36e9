//! `network_info`: which network of the engine an interface of a container belongs to.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use agent_core::collector::{CollectError, Collector};
use agent_core::exposition::Exposition;
use agent_core::read::Scratch;

use super::metric::{Description, Metric, describe, number, write};
use super::{Row, Shared};
use crate::container::Container;
use crate::routes::parse_links;

const METRICS: &[Metric<()>] = &[Metric::<()>::gauge(
    "container_network_info",
    "The engine's network that an interface of the container belongs to; always 1.",
    |()| number(Some(1)),
)
.from("inspect NetworkSettings.Networks, /proc/<pid>/net/route", "-")];

/// What it writes.
pub fn families() -> Vec<Description> {
    describe(METRICS)
}

/// Makes it.
pub fn build(shared: &Shared) -> Box<dyn Collector> {
    Box::new(NetworkInfoCollector {
        shared: shared.clone(),
        known: HashMap::new(),
        rows: Vec::new(),
        scratch: Scratch::default(),
    })
}

/// Interface and network.
type Pairs = Vec<(String, String)>;

struct NetworkInfoCollector {
    shared: Shared,
    /// Looked up once for each container; events that change its networks make a new one.
    known: HashMap<String, (Arc<Container>, Pairs)>,
    rows: Vec<Row<()>>,
    scratch: Scratch,
}

impl Collector for NetworkInfoCollector {
    fn collect(&mut self, out: &mut Exposition<'_>) -> Result<(), CollectError> {
        let Self { shared, known, rows, scratch } = self;
        rows.clear();
        let running = shared.each_container(true, |source, container| {
            let fresh = known.get(&container.id).is_some_and(|(known, _)| Arc::ptr_eq(known, container));
            if !fresh {
                let pairs = source
                    .first_pid(container)
                    .map(|pid| read_pairs(&shared.paths.procfs, pid, container, scratch));
                let Some(pairs) = pairs else { return };
                known.insert(container.id.clone(), (Arc::clone(container), pairs));
            }
            for (interface, network) in known.get(&container.id).iter().flat_map(|(_, pairs)| pairs) {
                let row = Row::of(container, ()).with("interface", interface.as_str());
                rows.push(row.with("network", network.as_str()));
            }
        });
        if known.len() > running.len() {
            known.retain(|id, _| running.binary_search_by(|c| c.id.as_str().cmp(id)).is_ok());
        }
        write(out, shared.detail(), METRICS, rows);
        Ok(())
    }
}

fn read_pairs(procfs: &Path, pid: u32, container: &Container, scratch: &mut Scratch) -> Pairs {
    let Ok(bytes) = scratch.read(&procfs.join(format!("{pid}/net/route"))) else { return Vec::new() };
    let links = parse_links(bytes);
    let on = |attachment: &crate::container::Attachment| {
        let link = links.iter().find(|link| link.has(attachment.address))?;
        Some((link.interface.clone(), attachment.network.clone()))
    };
    container.networks.iter().filter_map(on).collect()
}

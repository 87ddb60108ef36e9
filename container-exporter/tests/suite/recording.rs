//! An exporter over recorded files: `tests/fixtures/{v1,v2}` hold `/proc`, `/sys` and the engine's answers.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use agent_core::cli::PathArgs;
use agent_core::collector::{CollectorSet, Filter};
use agent_core::docker::Container as Inspect;
use agent_core::exposition::Format;
use agent_core::testing::scrape;
use container_exporter::collectors::{self, Options, Selection, Shared};
use container_exporter::container::Container;
use container_exporter::labels::LabelRules;
use container_exporter::source::Source;
use container_exporter::source::cgroup::CgroupSource;
use container_exporter::store::{EngineState, Store};

/// Recordings of one cgroup version.
pub(crate) struct Recording {
    pub(crate) folder: PathBuf,
    pub(crate) store: Store,
}

impl Recording {
    pub(crate) fn new(version: &str) -> Self {
        Self::changed(version, |_| {})
    }

    /// The same with other answers of the engine.
    pub(crate) fn changed(version: &str, change: impl Fn(&mut Inspect)) -> Self {
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(version);
        let store = Store::default();
        let mut inspects: Vec<Inspect> =
            serde_json::from_slice(&fs::read(folder.join("inspect.json")).unwrap()).unwrap();
        inspects.iter_mut().for_each(change);
        store.replace(inspects.iter().filter_map(|i| Container::from_inspect(i, &LabelRules::default())));
        store.set_engine(EngineState {
            connected: true,
            version: "28.5.2".to_owned(),
            os: "Debian GNU/Linux 14 (forky)".to_owned(),
            kernel: "7.2.13".to_owned(),
            cgroup_v2: version == "v2",
            docker: None,
            root: "/var/lib/docker".to_owned(),
        });
        Self { folder, store }
    }

    pub(crate) fn paths(&self) -> PathArgs {
        let at = |folder| self.folder.join(folder);
        PathArgs { procfs: at("proc"), sysfs: at("sys"), rootfs: at("rootfs") }
    }

    pub(crate) fn cgroup(&self) -> CgroupSource {
        CgroupSource::new(&self.paths(), 1024)
    }

    pub(crate) fn container(&self, name: &str) -> Arc<Container> {
        Arc::clone(self.store.running().iter().find(|c| c.name == name).unwrap())
    }

    pub(crate) fn exporter(&self, source: impl Source + 'static) -> Exporter {
        self.exporter_with(source, Options::default(), &Selection::default())
    }

    pub(crate) fn exporter_with(
        &self,
        source: impl Source + 'static,
        options: Options,
        selection: &Selection,
    ) -> Exporter {
        let now = UNIX_EPOCH + Duration::from_secs(1_795_350_000);
        let shared = Shared::new(self.store.clone(), Box::new(source), self.paths(), Arc::new(move || now))
            .with_options(options);
        let (entries, disabled) = collectors::entries(&shared, selection);
        Exporter(Arc::new(CollectorSet::new("container_exporter", entries, disabled)))
    }
}

/// The collectors of an exporter, to be scraped.
pub(crate) struct Exporter(Arc<CollectorSet>);

impl Exporter {
    /// One scrape; durations are not the same twice and read 0.
    pub(crate) fn scrape(&self, format: Format) -> String {
        let text = scrape(&self.0, &Filter::default(), format);
        let line = |line: &str| match line.split_once("_duration_seconds{") {
            Some((_, _)) => format!("{} 0\n", line.rsplit_once(' ').unwrap().0),
            None => format!("{line}\n"),
        };
        text.lines().map(line).collect()
    }
}

//! The page at `/`: who this is, where, and what it serves.

use std::fmt::Write;

use crate::identity::Identity;

/// The fixed part of the page.
#[derive(Debug)]
pub(crate) struct Landing {
    agent: &'static str,
    version: &'static str,
    telemetry_path: String,
    collectors: Vec<&'static str>,
}

impl Landing {
    pub(crate) fn new(
        agent: &'static str,
        version: &'static str,
        telemetry_path: &str,
        collectors: impl Iterator<Item = &'static str>,
    ) -> Self {
        Self { agent, version, telemetry_path: telemetry_path.to_owned(), collectors: collectors.collect() }
    }

    pub(crate) fn page(&self, identity: &Identity) -> String {
        let Self { agent, version, .. } = self;
        let path = escape(&self.telemetry_path);
        let unknown = || "not known".to_owned();
        let name = identity.node_name.as_deref().map_or_else(unknown, escape);
        let id = identity.node_id.as_deref().map_or_else(unknown, escape);
        let system = sysinfo::System::long_os_version().ok().map_or_else(unknown, |s| escape(&s));
        let kernel = sysinfo::System::kernel_version().ok().map_or_else(unknown, |s| escape(&s));
        let mut collectors = String::new();
        for name in &self.collectors {
            // Writing to a String cannot fail.
            let _infallible: std::fmt::Result = write!(collectors, " <code>{name}</code>");
        }
        format!(
            "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{agent}</title></head><body>\n\
             <h1>{agent} {version}</h1>\n\
             <p>Node {name} (Swarm ID {id}); seen from here: {system}, kernel {kernel}.</p>\n\
             <ul><li><a href=\"{path}\">Metrics</a></li><li><a href=\"/-/ready\">Ready?</a></li>\
             <li><a href=\"/-/healthy\">Healthy?</a></li></ul>\n<p>Collectors:{collectors}</p>\n</body></html>\n"
        )
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

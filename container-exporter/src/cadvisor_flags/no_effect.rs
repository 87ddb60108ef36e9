//! Flags of cAdvisor that have nothing to do here.

use agent_core::cli::parse_bool;
use agent_core::error::ConfigErrors;
use clap::{Arg, ArgAction, ArgMatches, Command};

/// One of them.
#[derive(Debug)]
pub struct Flag {
    /// Its name, without dashes.
    pub name: &'static str,
    /// Whether it is a switch, which takes its value only after `=`.
    pub switch: bool,
    /// Why it has no effect.
    pub why: &'static str,
    /// The value that says what is so anyway, and needs no word.
    pub silent: Option<&'static str>,
}

const HOUSEKEEPING: &str = "figures are read at the moment of the scrape, nothing runs in between";
const STORAGE: &str = "there is no store: Prometheus keeps what it scrapes";
const LOG: &str = "the log goes to standard error; see --log.level and --log.format";
const AUTH: &str = "the user interface that it protects is not there; for the metrics see --web.config.file";
const RUNTIME: &str = "containers come from Docker's API";
const TLS: &str = "TLS to an engine is not there; use its unix socket or a proxy";
const APPLICATIONS: &str = "applications' own metrics are for Prometheus to scrape";

const fn value(name: &'static str, why: &'static str) -> Flag {
    Flag { name, switch: false, why, silent: None }
}

const fn switch(name: &'static str, why: &'static str) -> Flag {
    Flag { name, switch: true, why, silent: None }
}

/// All of them, by name.
pub const NO_EFFECT: &[Flag] = &[
    switch("add_dir_header", LOG),
    switch("allow_dynamic_housekeeping", HOUSEKEEPING),
    Flag { name: "alsologtostderr", switch: true, why: LOG, silent: Some("true") },
    value("application_metrics_count_limit", APPLICATIONS),
    value("boot_id_file", "the boot ID is read from --path.procfs"),
    value("bq_account", STORAGE),
    value("bq_credentials_file", STORAGE),
    value("bq_id", STORAGE),
    value("bq_project_id", STORAGE),
    value("bq_secret", STORAGE),
    value("collector_cert", APPLICATIONS),
    value("collector_key", APPLICATIONS),
    value("container_hints", "hints are for raw containers of lmctfy"),
    value("containerd", RUNTIME),
    value("containerd-namespace", RUNTIME),
    value("cri_proxy", RUNTIME),
    value("crio", RUNTIME),
    value("docker-tls-ca", TLS),
    value("docker-tls-cert", TLS),
    value("docker-tls-key", TLS),
    switch("docker-tls", TLS),
    value("docker_root", "the engine says where its folder is"),
    value("docker_run", "the engine says where its folder is"),
    switch(
        "enable_load_reader",
        "load by container is pressure here: container_pressure_cpu_waiting_seconds_total",
    ),
    value("event_storage_age_limit", STORAGE),
    value("event_storage_event_limit", STORAGE),
    value("global_housekeeping_interval", HOUSEKEEPING),
    value("housekeeping_interval", HOUSEKEEPING),
    value("http_auth_file", AUTH),
    value("http_auth_realm", AUTH),
    value("http_digest_file", AUTH),
    value("http_digest_realm", AUTH),
    switch("legacy_stderr_threshold_behavior", LOG),
    value("log_backtrace_at", LOG),
    switch("log_cadvisor_usage", "process_* tells of this process"),
    value("log_dir", LOG),
    value("log_file", LOG),
    value("log_file_max_size", LOG),
    Flag { name: "logtostderr", switch: true, why: LOG, silent: Some("true") },
    value("machine_id_file", "the machine ID is read from --path.rootfs"),
    value("max_housekeeping_interval", HOUSEKEEPING),
    value("max_procs", "there is one thread, and one more during a scrape"),
    value("mesos_agent", RUNTIME),
    value("mesos_agent_timeout", RUNTIME),
    switch("one_output", LOG),
    value("perf_events_config", "the group perf_event is left out, METRICS.md says why"),
    value("podman", RUNTIME),
    switch("profiling", "there is no Go runtime to profile"),
    value("referenced_reset_interval", "the group referenced_memory is left out, METRICS.md says why"),
    value("resctrl_interval", "the group resctrl is left out, METRICS.md says why"),
    switch("skip_headers", LOG),
    switch("skip_log_headers", LOG),
    value("stderrthreshold", LOG),
    value("storage_driver", STORAGE),
    value("storage_driver_buffer_duration", STORAGE),
    value("storage_driver_db", STORAGE),
    switch("storage_driver_es_enable_sniffer", STORAGE),
    value("storage_driver_es_host", STORAGE),
    value("storage_driver_es_index", STORAGE),
    value("storage_driver_es_type", STORAGE),
    value("storage_driver_host", STORAGE),
    value("storage_driver_influxdb_retention_policy", STORAGE),
    value("storage_driver_kafka_broker_list", STORAGE),
    value("storage_driver_kafka_ssl_ca", STORAGE),
    value("storage_driver_kafka_ssl_cert", STORAGE),
    value("storage_driver_kafka_ssl_key", STORAGE),
    switch("storage_driver_kafka_ssl_verify", STORAGE),
    value("storage_driver_kafka_topic", STORAGE),
    value("storage_driver_password", STORAGE),
    switch("storage_driver_secure", STORAGE),
    value("storage_driver_table", STORAGE),
    value("storage_driver_user", STORAGE),
    value("storage_duration", STORAGE),
    value("update_machine_info_interval", "the machine is read in each scrape"),
    value("url_base_prefix", "paths begin at the root; a proxy can rewrite them"),
    value("v", LOG),
    value("vmodule", LOG),
];

/// Adds them; `--help` does not show them.
pub fn add_flags(mut command: Command) -> Command {
    for flag in NO_EFFECT {
        let arg = Arg::new(flag.name).long(flag.name).hide(true).action(ArgAction::Append);
        let arg = if flag.switch {
            arg.num_args(0..=1).require_equals(true).default_missing_value("true")
        } else {
            arg.num_args(1).allow_hyphen_values(true)
        };
        // The only one with a single letter, which needs a value behind a blank too.
        command = command.arg(if flag.name == "v" { arg.short('v') } else { arg });
    }
    command
}

/// One line for each that was given.
pub(super) fn check(matches: &ArgMatches, errors: &mut ConfigErrors) -> Vec<String> {
    let mut notices = Vec::new();
    for Flag { name, switch, why, silent } in NO_EFFECT {
        let Some(given) = matches.get_many::<String>(name).and_then(Iterator::last) else { continue };
        if *switch {
            errors.take(parse_bool(&format!("--{name}"), Some(given), true));
        }
        if *silent != Some(given.as_str()) {
            notices.push(format!("--{name}={given} has no effect: {why}"));
        }
    }
    notices
}

//! The stack files: every part and combination is taken by a client that checks them, uses nothing that has no effect, and
//! says what a service needs to live among others.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use e2e::command::run;
use serde_json::Value;
use tempfile::TempDir;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().expect("the project")
}

fn script(name: &str, arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    Command::new("bash")
        .arg(root().join("deploy").join(name))
        .args(arguments)
        .envs(variables.iter().copied())
        .output()
        .expect("bash")
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// One part of the table.
struct Part {
    name: String,
    files: Vec<String>,
    needs: Vec<String>,
}

/// The table, read from what it prints for the docs.
fn parts() -> Vec<Part> {
    let rows = text(&script("lib/parts.sh", &["docs"], &[]));
    let words = |cell: &str, pattern: &str| {
        let pattern = regex::Regex::new(pattern).expect("a pattern");
        pattern.captures_iter(cell).map(|c| c[1].to_owned()).collect()
    };
    let rows = rows.lines().skip(2).map(|row| {
        let cells: Vec<_> = row.split('|').map(str::trim).collect();
        Part {
            name: cells[1].to_owned(),
            files: words(cells[2], "`([^`]+)`"),
            needs: words(cells[3], "([a-z0-9-]+)"),
        }
    });
    let parts: Vec<_> = rows.collect();
    assert!(parts.len() > 4, "the table of parts");
    parts
}

/// Every part with what it needs, alone and beside the three base parts, and all at once.
fn combinations() -> Vec<String> {
    let parts = parts();
    let mut all = BTreeSet::from(["agents metrics logs".to_owned()]);
    let known = |name: &str| parts.iter().find(|p| p.name == name).expect("a part of the table");
    for part in &parts {
        let mut chosen = vec![part.name.as_str()];
        let mut next = 0;
        while let Some(&name) = chosen.get(next) {
            chosen.extend(known(name).needs.iter().map(String::as_str));
            next += 1;
        }
        let alone: BTreeSet<_> = chosen.iter().copied().collect();
        // Some only change what others say.
        if ["agents", "metrics", "logs"].iter().any(|base| alone.contains(base)) {
            all.insert(alone.into_iter().collect::<Vec<_>>().join(" "));
        }
        chosen.extend(["agents", "metrics", "logs"]);
        let beside: BTreeSet<_> = chosen.into_iter().collect();
        all.insert(beside.into_iter().collect::<Vec<_>>().join(" "));
    }
    let names: Vec<_> = parts.iter().map(|p| p.name.as_str()).collect();
    all.insert(names.iter().copied().filter(|&n| n != "engine-25").collect::<Vec<_>>().join(" "));
    all.insert(names.join(" "));
    all.into_iter().collect()
}

/// The same folder of secrets for all combinations: making the hash of a password takes a moment.
struct Files {
    state: TempDir,
}

impl Files {
    fn new() -> Self {
        Self { state: tempfile::tempdir().expect("a folder") }
    }

    /// The arguments of `docker stack …` for these parts, and the script that sets the variables.
    fn of(&self, stacks: &str) -> (String, String) {
        let state = self.state.path().display().to_string();
        let token = self.state.path().join("token").display().to_string();
        fs::write(&token, "a-token").expect("a file");
        let variables = [("STACKS", stacks), ("STATE_DIR", &state), ("GITHUB_TOKEN_FILE", &token)];
        let output = script("files.sh", &[], &variables);
        assert!(output.status.success(), "{stacks}: {}", text(&output));
        let commands = String::from_utf8_lossy(&output.stdout).into_owned();
        let (variables, deploy) = commands.trim().split_once('\n').expect("two commands");
        let files = deploy.strip_prefix("docker stack deploy --prune").expect("the command");
        (variables.to_owned(), files.strip_suffix(" swarmscope").expect("the stack's name").to_owned())
    }

    /// What the client makes of these parts.
    fn config(&self, client: &str, stacks: &str) -> Value {
        let (variables, files) = self.of(stacks);
        let config = run("bash", &["-euc", &format!("{variables}; {client} stack config{files}")]);
        serde_saphyr::from_str(&config).unwrap_or_else(|error| panic!("{stacks}: {error}\n{config}"))
    }
}

impl Files {
    /// promtool takes the configurations that were written for the parts, once what Swarm puts in is there.
    fn check_prometheus(&self) {
        let slot = regex::Regex::new(r"\{\{(if|\.)[^\n]*\}\}").expect("a pattern");
        for name in ["prometheus.yml", "prometheus-shard.yml"] {
            let text = fs::read_to_string(self.state.path().join(name)).expect("a configuration");
            let text = text.replace("{{env \"SHARDS\"}}", "2");
            let file = self.state.path().join("checked.yml");
            fs::write(&file, slot.replace_all(&text, "1").as_bytes()).expect("a file");
            run("promtool", &["check", "config", "--syntax-only", &file.display().to_string()]);
        }
    }
}

/// A client of Docker 28, run by the loader of its own root: this machine's C library may be older.
fn newer_client() -> String {
    let root = run("bash", &[concat!(env!("CARGO_MANIFEST_DIR"), "/lab/node/node.sh"), "build"]);
    let root = root.trim();
    let loader = run(
        "bash",
        &["-c", &format!("ls {root}/usr/lib/*/ld-linux-* {root}/usr/lib*/ld-linux-* 2>/dev/null")],
    );
    let loader = loader.lines().next().expect("a loader");
    let libraries = Path::new(loader).parent().expect("a folder").display();
    let libraries = format!("{libraries}:{root}/usr/lib/{}-linux-gnu", std::env::consts::ARCH);
    format!("{loader} --library-path {libraries} {root}/usr/bin/docker")
}

#[test]
fn every_combination_is_taken_and_each_service_is_complete() {
    let (files, client) = (Files::new(), newer_client());
    let docs = fs::read_to_string(root().join("docs/deploy.md")).expect("docs/deploy.md");
    let table = text(&script("lib/parts.sh", &["docs"], &[]));
    assert!(
        docs.contains(&table),
        "docs/deploy.md has another table of parts than: bash deploy/lib/parts.sh docs\n{table}"
    );
    for variable in variables() {
        let row = format!("`{variable}`");
        assert!(docs.contains(&row), "docs/deploy.md does not tell what {variable} is");
    }
    let used: BTreeSet<_> = parts().into_iter().flat_map(|part| part.files).collect();
    for file in fs::read_dir(root().join("deploy")).expect("deploy").flatten() {
        let name = file.file_name().to_string_lossy().into_owned();
        let beside = ["demo.yml", "compose.yml"].contains(&name.as_str());
        let stack_file = file.path().extension().is_some_and(|e| e == "yml") && !beside;
        assert!(!stack_file || used.contains(&name), "{name} belongs to no part");
    }
    for stacks in combinations() {
        let config = files.config(&client, &stacks);
        files.check_prometheus();
        let services = config["services"].as_object().expect("services");
        println!("{stacks}: {} services", services.len());
        for (name, service) in services {
            check_service(&format!("{stacks}: {name}"), service);
        }
        for volume in config["volumes"].as_object().into_iter().flatten() {
            assert!(volume.1.get("external").is_none(), "{stacks}: {volume:?}");
        }
    }
}

/// What an operator may set: all that the stack files ask for but for names that the scripts make.
fn variables() -> BTreeSet<String> {
    let pattern = regex::Regex::new(r"\$\{([A-Z0-9_]+)").expect("a pattern");
    let mut all = BTreeSet::new();
    for part in parts() {
        for name in part.files {
            let text = fs::read_to_string(root().join("deploy").join(name)).expect("a stack file");
            all.extend(pattern.captures_iter(&text).map(|c| c[1].to_owned()));
        }
    }
    all.retain(|name| {
        !name.ends_with("_HASH")
            && !name.ends_with("_BUILD")
            && !name.ends_with("_REPLICAS")
            && name != "SECRETS_DIR"
    });
    all
}

fn check_service(what: &str, service: &Value) {
    let deploy = &service["deploy"];
    assert!(service["image"].is_string(), "{what}: no image");
    assert_eq!(deploy["endpoint_mode"], "dnsrr", "{what}");
    for port in service["ports"].as_array().into_iter().flatten() {
        assert_eq!(port["mode"], "host", "{what}: no routing mesh without IPVS");
    }
    assert!(deploy["resources"]["limits"]["memory"].is_string(), "{what}: no limit of memory");
    // Less than one CPU would stop a scrape in the middle until the next period; more a small machine refuses.
    let cpus = &deploy["resources"]["limits"]["cpus"];
    assert!(
        cpus.is_null() || cpus.as_str().and_then(|c| c.parse::<f64>().ok()) == Some(1.0),
        "{what}: {cpus}"
    );
    for update in ["update_config", "rollback_config"] {
        assert_eq!(deploy[update]["parallelism"], 1, "{what}: {update}");
        assert_eq!(deploy[update]["order"], "stop-first", "{what}: {update}");
    }
    assert_eq!(deploy["update_config"]["failure_action"], "rollback", "{what}");
    assert_eq!(deploy["restart_policy"]["condition"], "any", "{what}");
    let mode = deploy["mode"].as_str().unwrap_or("replicated");
    assert!(
        mode == "global" || deploy["placement"]["constraints"].as_array().is_some_and(|c| !c.is_empty()),
        "{what}: may be placed anywhere, away from its data"
    );
    assert!(service["logging"]["options"]["max-size"].is_string(), "{what}: its log grows for ever");
    assert_eq!(service["cap_drop"], serde_json::json!(["ALL"]), "{what}");
    let (user, _) = service["user"].as_str().expect(what).split_once(':').expect("user and group");
    for secret in service["secrets"].as_array().into_iter().flatten() {
        assert_eq!(secret["mode"], 0o400, "{what}: {secret}");
        assert_eq!(secret["uid"], user, "{what}: who must read it: {secret}");
    }
}

/// Keys of a service that `docker stack deploy` hands to the engine. Everything else it refuses, or ignores with a line
/// (`build`, `devices`, `network_mode`, `pid`, `security_opt` …), or in silence (`oom_score_adj`, `tmpfs`).
const EFFECTIVE: [&str; 18] = [
    "cap_drop",
    "command",
    "configs",
    "deploy",
    "entrypoint",
    "environment",
    "healthcheck",
    "image",
    "labels",
    "logging",
    "networks",
    "ports",
    "read_only",
    "secrets",
    "stop_grace_period",
    "sysctls",
    "user",
    "volumes",
];

#[test]
fn no_stack_file_uses_a_key_without_effect() {
    for part in parts() {
        for name in part.files {
            let text = fs::read_to_string(root().join("deploy").join(&name)).expect("a stack file");
            let file: BTreeMap<String, Value> =
                serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
            let version = if name.starts_with("engine-25") { "3.12" } else { "3.8" };
            assert_eq!(file["version"], version, "{name}");
            for key in file.keys() {
                let known = ["version", "services", "networks", "volumes", "secrets", "configs"];
                assert!(known.contains(&key.as_str()) || key.starts_with("x-"), "{name}: {key}");
            }
            for (service, keys) in file["services"].as_object().expect("services") {
                for key in keys.as_object().expect("keys").keys() {
                    assert!(EFFECTIVE.contains(&key.as_str()) || key == "<<", "{name}: {service}: {key}");
                }
            }
        }
    }
}

#[test]
fn lists_in_the_files_are_those_of_the_folders() {
    for entry in fs::read_dir(root().join("deploy")).expect("deploy").flatten() {
        let path = entry.path();
        if path.extension().is_none_or(|e| e != "yml") {
            continue;
        }
        let command = format!(
            ". {0}/deploy/lib/common.sh; . {0}/deploy/lib/configs.sh; list_configs {1}",
            root().display(),
            path.display()
        );
        let now = run("bash", &["-euc", &command]);
        let text = fs::read_to_string(&path).expect("a stack file");
        assert!(now == text, "{}: its lists are old; right: make configs", path.display());
    }
}

#[test]
fn wrong_settings_are_told_all_at_once() {
    let variables = [("STACKS", "agents metric logstash"), ("OFFLINE", "perhaps"), ("WAIT_SECONDS", "5m")];
    let output = script("up.sh", &[], &variables);
    assert_eq!(output.status.code(), Some(2));
    let told = text(&output);
    let names: Vec<_> = parts().into_iter().map(|p| p.name).collect();
    for line in [
        format!("error: STACKS='agents metric logstash': unknown part 'metric'; right: some of {}\n", names.join(" ")),
        "error: STACKS='agents metric logstash': logstash needs logs; right: STACKS='logs agents metric logstash'\n".to_owned(),
        "error: OFFLINE='perhaps'; right: auto, always or never\n".to_owned(),
        "error: WAIT_SECONDS='5m'; right: a number of seconds\n".to_owned(),
    ] {
        assert!(told.contains(&line), "{line}: {told}");
    }
    assert_eq!(told.lines().count(), 4, "{told}");
    for (stacks, right) in
        [(" ", "STACKS is empty; right: some of "), ("tls", "right: STACKS='agents metrics logs tls'")]
    {
        let output = script("up.sh", &[], &[("STACKS", stacks)]);
        assert_eq!(output.status.code(), Some(2), "{stacks}");
        assert!(text(&output).contains(right), "{}", text(&output));
    }
}

#[test]
fn an_engine_that_make_up_starts_keeps_nothing_open_of_its_caller() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).display().to_string();
    // In dockerd's place a program that tells what it was given: the machine's own engine is not for tests to start.
    fs::write(
        path("dockerd"),
        format!("#!/bin/bash\nls -l /proc/$$/fd >{0}.new; mv {0}.new {0}\n", path("fds")),
    )
    .expect("a program");
    run("chmod", &["+x", &path("dockerd")]);
    let command = format!(
        "exec 7>{lock}; flock 7; . {root}/deploy/lib/common.sh; . {root}/deploy/lib/engine.sh; \
         engine_answers() {{ [ -e {fds} ]; }}; systemctl() {{ false; }}; CACHE={folder}; start_engine",
        lock = path("lock"),
        root = root().display(),
        fds = path("fds"),
        folder = folder.path().display()
    );
    run(
        "env",
        &[
            &format!("PATH={}:{}", folder.path().display(), std::env::var("PATH").expect("a PATH")),
            "bash",
            "-euc",
            &command,
        ],
    );
    let fds = fs::read_to_string(path("fds")).expect("what was open");
    assert!(fds.contains("/dev/null") && !fds.contains(&path("lock")), "{fds}");
}

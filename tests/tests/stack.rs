//! The whole stack, brought up by the script behind `make up` on an engine of the test's own: what the README promises
//! of it, then taken down to nothing.

mod delay;

use std::collections::BTreeSet;

use e2e::engine::{BUSYBOX, Engine};
use e2e::http::{basic, get, get_with};
use e2e::make_up::MakeUp;
use e2e::wait::{LIMIT, ensure, until};

const AGENTS: [&str; 3] = ["node-exporter", "container-exporter", "log-router"];
const LINES: u64 = 10_000;

/// The stack, brought up, with each agent in its table.
fn up() -> MakeUp {
    let stack = MakeUp::on(Engine::start("stack", 17));
    let text = stack.run("up.sh", &[]);
    for agent in AGENTS {
        assert!(
            text.lines().any(|l| l.starts_with(agent) && l.contains("1/1 up")),
            "{agent} in the table:\n{text}"
        );
    }
    assert!(password(&stack).len() >= 16, "a generated password");
    stack
}

fn password(stack: &MakeUp) -> String {
    stack.run("password.sh", &[]).trim().to_owned()
}

#[test]
fn the_stack_does_what_the_readme_says() {
    let stack = up();
    targets_are_found_by_dns(&stack);
    the_cluster_is_seen(&stack);
    interfaces_ask_for_the_password(&stack);
    boards_are_seen_without_grafana(&stack);
    the_host_is_seen_from_inside(&stack);
    agents_have_least_rights(&stack);
    agents_images_are_small(&stack);
    a_services_cpu_and_lines_are_found(&stack);
    delay::a_printed_line_is_found(&stack);
    a_killed_router_loses_nothing(&stack);
    lines_have_templates_and_an_end(&stack);
    limits_are_twice_what_was_needed(&stack);
    agents_end_at_once_as_pid_1(&stack);
    a_second_up_changes_nothing(&stack);
    least_rights_are_enough(&stack);
    down_leaves_nothing(&stack);
}

fn targets_are_found_by_dns(stack: &MakeUp) {
    // Each was up once, but a scrape may be late on a busy machine.
    until(LIMIT, "targets", || {
        let targets = stack.prometheus("targets?state=active")["activeTargets"].clone();
        let targets = targets.as_array().cloned().unwrap_or_default();
        for (job, name) in [
            ("node", "tasks.node-exporter"),
            ("cadvisor", "tasks.container-exporter"),
            ("log-router", "tasks.log-router"),
            ("swarm-cluster", "tasks.cluster"),
            ("prometheus", "tasks.prometheus"),
        ] {
            let target = targets.iter().find(|t| t["labels"]["job"] == job);
            let target = target.ok_or_else(|| format!("{job}: {targets:?}"))?;
            ensure(target["health"] == "up", target.to_string())?;
            assert_eq!(target["discoveredLabels"]["__meta_dns_name"], name, "{target}");
        }
        Ok(())
    });
}

fn the_cluster_is_seen(stack: &MakeUp) {
    let name = stack.engine.docker(&["info", "-f", "{{.Name}}"]);
    let node = stack.expect("swarm_cluster_node_info * on(node_id) group_left() node_meta");
    assert_eq!(node["metric"]["node_name"], name.as_str());
    assert_eq!(node["metric"]["state"], "ready");
    // Reserved, used and limit of one service, side by side.
    let service = "container_label_com_docker_swarm_service_name";
    for (expression, value) in [
        ("swarm_cluster_service_task_memory_reservation_bytes", "16777216"),
        ("swarm_cluster_service_task_memory_limit_bytes", "67108864"),
        ("swarm_cluster_service_running_tasks == swarm_cluster_service_desired_tasks", "1"),
    ] {
        let found = stack.expect(&format!("({expression}) and on({service}) swarm_cluster_service_info{{{service}=\"swarmscope_node-exporter\"}}"));
        assert_eq!(found["value"][1], value, "{found}");
    }
    stack.expect(&format!(
        "sum by ({service}) (container_memory_usage_bytes) / on({service}) (swarm_cluster_service_task_memory_limit_bytes * swarm_cluster_service_running_tasks)"
    ));
}

fn interfaces_ask_for_the_password(stack: &MakeUp) {
    for (port, path) in [(9090, "/api/v1/query?query=up"), (9093, "/api/v2/status")] {
        let url = format!("http://{}:{port}{path}", stack.engine.address());
        assert_eq!(get(&url).expect("an answer").status, 401, "{url}");
        let authorization = basic("admin", &password(stack));
        assert_eq!(
            get_with(&url, &[("authorization", &authorization)]).expect("an answer").status,
            200,
            "{url}"
        );
    }
    for port in [80, 8080, 9100, 9200] {
        let url = format!("http://{}:{port}/", stack.engine.address());
        assert!(get(&url).is_err(), "{url} must not be published");
    }
}

/// No image of Grafana can be pulled here, so the viewer stands in, on its port.
fn boards_are_seen_without_grafana(stack: &MakeUp) {
    let url = |path: &str| format!("http://{}:3000{path}", stack.engine.address());
    let authorization = basic("admin", &password(stack));
    for path in ["/", "/api/viewer", "/api/boards/swarmscope-home", "/api/prometheus/query?query=up"] {
        assert_eq!(get(&url(path)).expect("an answer").status, 401, "{path}");
    }
    let ask = |path: &str| {
        let answer = get_with(&url(path), &[("authorization", &authorization)]).expect("an answer");
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        answer
    };
    assert!(ask("/").content_type.starts_with("text/html"));
    assert_eq!(ask("/api/boards/swarmscope-home").json()["data"]["uid"], "swarmscope-home");
    let viewer = ask("/api/viewer").json()["data"].clone();
    assert_eq!(viewer["boards"][0]["uid"], "swarmscope-home");
    assert_eq!(viewer["broken"], serde_json::json!([]));
    let up = ask("/api/prometheus/query?query=up").json();
    assert!(up["data"]["result"].as_array().is_some_and(|series| series.len() >= 6), "{up}");
    until(LIMIT, "lines through the viewer", || {
        let found =
            ask("/api/logs/search?query=program:swarmscope_prometheus*&from=0&to=99999999999999").json();
        ensure(found["data"]["lines"][0]["fields"]["message"].is_string(), found.to_string())
    });
}

fn the_host_is_seen_from_inside(stack: &MakeUp) {
    let name = stack.engine.docker(&["info", "-f", "{{.Name}}"]);
    let meta = stack.expect("node_meta");
    assert_eq!(meta["metric"]["node_name"], name.as_str());
    assert_eq!(stack.expect("node_uname_info")["metric"]["nodename"], name.as_str());
    // This device is in the machine's own network namespace; no container and not even the engine has it.
    let device = stack.engine.outer_device();
    let received = stack.expect(&format!("node_network_receive_bytes_total{{device=\"{device}\"}}"));
    assert!(received["value"][1].as_str().is_some_and(|v| v != "0"), "{received}");
    let root = stack.expect("node_filesystem_size_bytes{mountpoint=\"/\"}");
    assert!(root["value"][1].as_str().and_then(|v| v.parse::<f64>().ok()).is_some_and(|v| v > 1e9), "{root}");
}

fn agents_have_least_rights(stack: &MakeUp) {
    for (agent, user) in AGENTS.into_iter().zip(["65534:65534", "0:0", "0:0"]) {
        let id = stack.container(agent);
        let format = "{{.HostConfig.ReadonlyRootfs}} {{.HostConfig.CapDrop}} {{.Config.User}} {{.HostConfig.Privileged}} {{.HostConfig.Memory}}";
        let facts = stack.engine.docker(&["inspect", "-f", format, &id]);
        assert!(
            facts.starts_with(&format!("true [ALL] {user} false ")) && !facts.ends_with(" 0"),
            "{agent}: {facts}"
        );
        let pid = stack.engine.docker(&["inspect", "-f", "{{.State.Pid}}", &id]);
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("a running agent");
        let capabilities = status.lines().find(|l| l.starts_with("CapEff:")).expect("capabilities");
        assert!(capabilities.ends_with("0000000000000000"), "{agent}: {capabilities}");
    }
}

fn agents_images_are_small(stack: &MakeUp) {
    for agent in AGENTS {
        let image = format!("swarmscope/{agent}:{}", env!("CARGO_PKG_VERSION"));
        let bytes: u64 =
            stack.engine.docker(&["image", "inspect", "-f", "{{.Size}}", &image]).parse().expect("a size");
        println!("{image}: {:.2} MB", bytes as f64 / 1e6);
        assert!(bytes <= 8_000_000, "{image}: {bytes} bytes");
    }
}

fn service(stack: &MakeUp, name: &str, script: &str) {
    let create =
        ["service", "create", "-d", "--name", name, "--network", "swarmscope", "--endpoint-mode", "dnsrr"];
    let label = [
        "--container-label",
        "com.docker.stack.namespace=shop",
        "--no-resolve-image",
        "--stop-grace-period=1s",
    ];
    stack.engine.docker(&[&create[..], &label, &[BUSYBOX, "sh", "-c", script]].concat());
}

fn a_services_cpu_and_lines_are_found(stack: &MakeUp) {
    service(
        stack,
        "shop_speaker",
        "echo 'hello from the shop'; echo 'something went wrong' >&2; i=0; while [ $i -lt 500000 ]; do i=$((i+1)); done; sleep 3600",
    );
    let cpu = stack.expect("container_cpu_usage_seconds_total{container_label_com_docker_swarm_service_name=\"shop_speaker\"} > 0");
    assert_eq!(cpu["metric"]["container_label_com_docker_stack_namespace"], "shop");
    let node = stack.expect("node_meta");
    assert_eq!(cpu["metric"]["container_label_com_docker_swarm_node_id"], node["metric"]["node_id"]);

    let hits = until(LIMIT, "both lines in the search engine", || {
        let answer = stack.search("logstash-*/_search?q=program:%22shop_speaker%22")?;
        let hits = answer["hits"]["hits"].as_array().cloned().unwrap_or_default();
        ensure(hits.len() == 2, answer.to_string())?;
        Ok(hits)
    });
    let event = |text: &str| {
        let hit = hits.iter().map(|h| &h["_source"]).find(|s| s["message"] == text);
        hit.cloned().unwrap_or_else(|| panic!("{text}: {hits:?}"))
    };
    let (hello, wrong) = (event("hello from the shop"), event("something went wrong"));
    for (source, priority, severity, label) in [(&hello, 14, 6, "Informational"), (&wrong, 11, 3, "Error")] {
        let program = source["program"].as_str().unwrap_or_default();
        assert!(program.starts_with("shop_speaker.1.") && program.len() > 38, "the whole name: {program}");
        assert_eq!(source["priority"], priority);
        assert_eq!(source["severity"], severity);
        assert_eq!(source["severity_label"], label);
        assert_eq!(source["facility"], 1);
        assert_eq!(source["facility_label"], "user-level");
        assert_eq!(source["@version"], "1");
        assert_eq!(source["timestamp"], source["timestamp8601"]);
        assert!(source["pid"].as_str().is_some_and(|pid| pid.parse::<u32>().is_ok()), "{source}");
        for field in ["@timestamp", "host", "logsource", "timestamp"] {
            assert!(source[field].as_str().is_some_and(|v| !v.is_empty()), "{field}: {source}");
        }
    }
}

/// The number of documents of a program, and the different messages among them.
fn counted(stack: &MakeUp, program: &str) -> Result<(u64, BTreeSet<String>), String> {
    let query = format!(
        "logstash-*/_search -d '{{\"size\":{LINES},\"track_total_hits\":true,\"_source\":[\"message\"],\"query\":{{\"match_phrase\":{{\"program\":\"{program}\"}}}}}}'"
    );
    let answer = stack.search(&query)?;
    let total = answer["hits"]["total"]["value"].as_u64().ok_or_else(|| answer.to_string())?;
    let hits = answer["hits"]["hits"].as_array().cloned().unwrap_or_default();
    let messages = hits.iter().filter_map(|hit| hit["_source"]["message"].as_str().map(str::to_owned));
    Ok((total, messages.collect()))
}

fn a_killed_router_loses_nothing(stack: &MakeUp) {
    let script = format!(
        "i=1; while [ $i -le {LINES} ]; do echo line $i; i=$((i+1)); [ $((i % 500)) = 0 ] && sleep 0.2; done; sleep 3600"
    );
    service(stack, "shop_counter", &script);
    until(LIMIT, "the first lines", || {
        let (documents, _) = counted(stack, "shop_counter")?;
        ensure(documents > 500, documents.to_string())
    });
    stack.engine.docker(&["kill", "-s", "KILL", &stack.container("log-router")]);
    until(LIMIT, "all lines, none twice", || {
        let (documents, messages) = counted(stack, "shop_counter")?;
        assert!(documents <= LINES, "{documents} documents: lines were indexed twice");
        let missing: Vec<_> =
            (1..=LINES).filter(|n| !messages.contains(&format!("line {n}"))).take(5).collect();
        ensure(missing.is_empty(), format!("{documents} documents; the first missing: {missing:?}"))
    });
    println!(
        "{LINES} numbered lines in the search engine after kill -9 of the router: all there, none twice"
    );
}

/// Read back from the search engine; that it deletes at that age would take as long to see.
fn lines_have_templates_and_an_end(stack: &MakeUp) {
    let read = |path: &str| stack.search(path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let template = read("_index_template/swarmscope-logstash");
    let template = &template["index_templates"][0]["index_template"];
    assert_eq!(template["index_patterns"], serde_json::json!(["logstash-*"]), "{template}");
    let policy = template["template"]["settings"]["index"]["lifecycle"]["name"].as_str();
    let policy = policy.unwrap_or_else(|| panic!("no policy: {template}")).to_owned();
    let known = read(&format!("_ilm/policy/{policy}"));
    let delete = &known[&policy]["policy"]["phases"]["delete"];
    assert_eq!(delete["min_age"], "2592000s", "30 days: {known}");
    assert!(delete["actions"]["delete"].is_object(), "{known}");
    let role = read("_security/role/log_router");
    assert!(role["log_router"]["indices"].is_array(), "{role}");
}

/// The most that each service needed so far, without the page cache, is at most half of what it may have.
fn limits_are_twice_what_was_needed(stack: &MakeUp) {
    let service = "container_label_com_docker_swarm_service_name";
    let stack_label = "container_label_com_docker_stack_namespace=\"swarmscope\"";
    let most = format!(
        "max by ({service}) (max_over_time(container_memory_working_set_bytes{{{stack_label}}}[1h]))"
    );
    let limit = format!("max by ({service}) (container_spec_memory_limit_bytes{{{stack_label}}})");
    let shares = stack.query(&format!("{most} / {limit}"));
    assert!(shares.len() >= 7, "{shares:?}");
    for share in shares {
        let used: f64 = share["value"][1].as_str().and_then(|v| v.parse().ok()).expect("a number");
        println!("{}: at most {:.0} % of its limit", share["metric"][service], used * 100.0);
        assert!(used <= 0.5, "{share}");
    }
    let throttled = stack.query(&format!(
        "max by ({service}) (increase(container_cpu_cfs_throttled_periods_total{{{stack_label}}}[10m]))"
    ));
    println!("throttled periods in ten minutes: {throttled:?}");
}

fn agents_end_at_once_as_pid_1(stack: &MakeUp) {
    for agent in AGENTS {
        let id = stack.container(agent);
        stack.engine.docker(&["stop", "-t", "60", &id]);
        // A process that had to be killed would show 137. The Swarm may have removed the container already.
        if let Ok(code) = stack.engine.try_docker(&["inspect", "-f", "{{.State.ExitCode}}", &id]) {
            assert_eq!(code, "0", "{agent}");
        }
    }
}

fn a_second_up_changes_nothing(stack: &MakeUp) {
    let mine = ["ps", "-q", "--no-trunc", "--filter", "label=com.docker.stack.namespace=swarmscope"];
    let tasks = || stack.engine.docker(&mine).lines().map(str::to_owned).collect::<BTreeSet<_>>();
    until(LIMIT, "the agents' new tasks", || ensure(tasks().len() == 8, format!("{:?}", tasks())));
    let before = tasks();
    stack.run("up.sh", &[]);
    assert_eq!(tasks(), before);
}

fn least_rights_are_enough(stack: &MakeUp) {
    let text = stack.up("agents least-rights metrics logs");
    assert!(text.lines().any(|l| l.starts_with("docker-socket-proxy") && l.contains("1/1 up")), "{text}");
    for agent in ["container-exporter", "log-router"] {
        // The task before may still be ending.
        let facts = until(LIMIT, agent, || {
            let id = stack.container(agent);
            let facts =
                stack.engine.try_docker(&["inspect", "-f", "{{.Config.User}} {{json .Mounts}}", &id])?;
            ensure(facts.starts_with("65534:65534 "), facts.clone())?;
            Ok(facts)
        });
        let socket = stack.engine.socket().display().to_string();
        assert!(!facts.contains(&socket), "{agent} has the engine's socket: {facts}");
    }
    service(stack, "shop_late", "echo 'through the proxy'; sleep 3600");
    stack.expect("container_memory_usage_bytes{container_label_com_docker_swarm_service_name=\"shop_late\"}");
    until(LIMIT, "a line that came through the proxy", || {
        let (documents, messages) = counted(stack, "shop_late")?;
        ensure(documents == 1 && messages.contains("through the proxy"), format!("{messages:?}"))
    });
}

fn down_leaves_nothing(stack: &MakeUp) {
    stack.engine.docker(&["service", "rm", "shop_speaker", "shop_clock", "shop_counter", "shop_late"]);
    until(LIMIT, "the end of our own containers", || {
        let left = stack.engine.docker(&["ps", "-aq", "--filter", "label=com.docker.stack.namespace=shop"]);
        ensure(left.is_empty(), left)
    });
    stack.run("down.sh", &[]);
    let docker = |arguments: &[&str]| stack.engine.docker(arguments);
    assert_eq!(docker(&["info", "-f", "{{.Swarm.LocalNodeState}}"]), "inactive");
    assert_eq!(docker(&["volume", "ls", "-q"]), "");
    assert_eq!(docker(&["ps", "-aq"]), "");
    assert_eq!(docker(&["network", "ls", "-q", "--filter", "name=swarmscope"]), "");
    assert_eq!(docker(&["image", "ls", "--format", "{{.Repository}}:{{.Tag}}"]), BUSYBOX);
    assert!(!stack.state().exists());
}

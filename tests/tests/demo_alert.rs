//! Alerts of the demo, from the rule to Alertmanager's API: they fire with the node's and the service's name, and are
//! resolved when their cause is gone.

use e2e::engine::Engine;
use e2e::http::{basic, get_with};
use e2e::make_up::MakeUp;
use e2e::wait::{LIMIT, ensure, until};
use serde_json::Value;

struct Demo {
    stack: MakeUp,
    password: String,
}

impl Demo {
    fn up() -> Self {
        let stack = MakeUp::on(Engine::start("demo", 18));
        stack.up("agents metrics");
        let password = stack.run("password.sh", &[]).trim().to_owned();
        stack.run("demo.sh", &[]);
        Self { stack, password }
    }

    /// The alerts that Alertmanager has now; those that are resolved it leaves out.
    fn alerts(&self) -> Result<Vec<Value>, String> {
        let url = format!("http://{}:9093/api/v2/alerts", self.stack.engine.address());
        let answer = get_with(&url, &[("authorization", &basic("admin", &self.password))])?;
        ensure(answer.status == 200, answer.body.clone())?;
        Ok(answer.json().as_array().cloned().unwrap_or_default())
    }

    /// Waits until an alert of a service is there, and gives it.
    fn fires(&self, name: &str, service: &str) -> Value {
        let alert = until(LIMIT * 2, name, || {
            let alerts = self.alerts()?;
            let of_this = |a: &&Value| a["labels"]["alertname"] == name && a["labels"]["service"] == service;
            alerts.iter().find(of_this).cloned().ok_or_else(|| summaries(&alerts))
        });
        println!("{}", alert["annotations"]["summary"]);
        alert
    }

    /// Waits until it is gone.
    fn ends(&self, name: &str, service: &str) {
        until(LIMIT * 2, &format!("the end of {name}"), || {
            let alerts = self.alerts()?;
            let of_this = |a: &Value| a["labels"]["alertname"] == name && a["labels"]["service"] == service;
            ensure(!alerts.iter().any(of_this), summaries(&alerts))
        });
        println!("{name} of {service}: resolved");
    }
}

fn summaries(alerts: &[Value]) -> String {
    let summaries: Vec<_> = alerts.iter().map(|alert| alert["annotations"]["summary"].to_string()).collect();
    summaries.join("\n")
}

#[test]
fn alerts_of_the_demo_fire_and_end() {
    let demo = Demo::up();
    let engine = &demo.stack.engine;
    let node = engine.docker(&["info", "-f", "{{.Name}}"]);

    let killed = demo.fires("ContainerOOMKilled", "demo_memory-eater");
    assert_eq!(killed["labels"]["node_name"], node.as_str());
    assert_eq!(killed["status"]["state"], "active");
    let summary = killed["annotations"]["summary"].as_str().expect("a summary");
    assert!(summary.contains("demo_memory-eater") && summary.contains(&node), "{summary}");
    assert_eq!(killed["annotations"]["runbook_url"], "docs/runbooks.md#containeroomkilled");

    // No node has the label that this service asks for; ServiceBelowDesired says less and is held back.
    let nowhere = demo.fires("ServiceWithoutTasks", "demo_nowhere");
    assert_eq!(nowhere["status"]["state"], "active");

    engine.docker(&["service", "rm", "demo_memory-eater"]);
    demo.ends("ContainerOOMKilled", "demo_memory-eater");
    let node_id = engine.docker(&["info", "-f", "{{.Swarm.NodeID}}"]);
    engine.docker(&["node", "update", "--label-add", "io.swarmscope.nowhere=true", &node_id]);
    demo.ends("ServiceWithoutTasks", "demo_nowhere");
}

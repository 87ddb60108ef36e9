//! The files of `deploy/` and `dashboards/`: valid for the tools that read them.

use std::fs;
use std::path::{Path, PathBuf};

use e2e::command::run;
use serde_json::Value;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().expect("the project")
}

#[test]
fn prometheus_and_alertmanager_take_their_files() {
    let deploy = root().join("deploy");
    let rules: Vec<_> =
        fs::read_dir(deploy.join("prometheus/rules")).expect("rules").flatten().map(|e| e.path()).collect();
    assert!(!rules.is_empty());
    for rule in rules {
        run("promtool", &["check", "rules", &rule.display().to_string()]);
    }
    for test in fs::read_dir(deploy.join("prometheus/tests")).expect("rule tests").flatten() {
        run("promtool", &["test", "rules", &test.path().display().to_string()]);
    }
    // The paths inside are those of the container.
    let config = fs::read_to_string(deploy.join("prometheus/prometheus.yml")).expect("prometheus.yml");
    let folder = tempfile::tempdir().expect("a folder");
    let password = folder.path().join("admin_password");
    fs::write(&password, "x").expect("a password file");
    let config = config.replace("/run/secrets/admin_password", &password.display().to_string());
    let config =
        config.replace("/etc/prometheus/rules", &deploy.join("prometheus/rules").display().to_string());
    let file = folder.path().join("prometheus.yml");
    fs::write(&file, config).expect("a configuration");
    run("promtool", &["check", "config", &file.display().to_string()]);
    run("amtool", &["check-config", &deploy.join("alertmanager/alertmanager.yml").display().to_string()]);
}

#[test]
fn kibanas_objects_refer_to_each_other() {
    let text = fs::read_to_string(root().join("deploy/kibana/saved-objects.ndjson")).expect("the objects");
    let objects: Vec<Value> =
        text.lines().map(|line| serde_json::from_str(line).expect("one JSON object a line")).collect();
    let ids: Vec<_> = objects.iter().map(|o| o["id"].as_str().unwrap_or_default()).collect();
    for (index, object) in objects.iter().enumerate() {
        assert!(!ids[index].is_empty() && !ids[..index].contains(&ids[index]), "{object}");
        assert!(object.get("version").is_none(), "a version would tie it to one Kibana: {object}");
        for reference in object["references"].as_array().expect("references") {
            assert!(ids.contains(&reference["id"].as_str().unwrap_or_default()), "{object}");
        }
        if let Some(inner) = object["attributes"]["kibanaSavedObjectMeta"]["searchSourceJSON"].as_str() {
            serde_json::from_str::<Value>(inner).expect("JSON inside JSON");
        }
    }
    assert!(
        objects.iter().any(|o| o["type"] == "index-pattern") && objects.iter().any(|o| o["type"] == "search")
    );
}

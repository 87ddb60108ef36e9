//! `make release`, from the binaries that are there: its checksums hold, its programs are static and answer, its images can
//! be loaded, its SBOMs name what is linked.

use std::path::Path;
use std::process::Command;

use e2e::agent::binary;
use e2e::command::run;
use e2e::engine::Engine;
use serde_json::Value;

const AGENTS: [&str; 3] = ["node-exporter", "container-exporter", "log-router"];
const VERSION: &str = env!("CARGO_PKG_VERSION");

fn release(dist: &Path, docker: &str) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/release.sh");
    let output = Command::new("bash")
        .arg(script)
        .env("DIST", dist)
        .env("DOCKER_HOST", docker)
        .env("STATE_DIR", dist.join("state"))
        .env("SKIP_BUILD", "1")
        .env("BINARIES", binary("node-exporter").parent().expect("a folder"))
        .env("ARCHITECTURES", "x86_64 riscv64gc")
        .output()
        .expect("bash");
    assert!(
        output.status.success(),
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn a_release_is_what_it_says() {
    let folder = tempfile::tempdir().expect("a folder");
    let engine = Engine::start("release", 40);
    let dist = folder.path().join("one");
    release(&dist, &engine.host());
    let path = |name: &str| dist.join(format!("swarmscope-{VERSION}-{name}"));
    let shown = dist.display().to_string();
    let sums = path("SHA256SUMS").display().to_string();
    run("sh", &["-c", &format!("cd {shown} && sha256sum --strict -c {sums}")]);

    run("tar", &["-C", &shown, "-xzf", &path("x86_64.tar.gz").display().to_string()]);
    let unpacked = dist.join(format!("swarmscope-{VERSION}-x86_64"));
    for agent in AGENTS {
        let program = unpacked.join(agent).display().to_string();
        assert!(run(&program, &["--version"]).contains(VERSION), "{agent}");
        let headers = run("readelf", &["-lW", &program]);
        assert!(headers.contains("LOAD") && !headers.contains("INTERP"), "{agent} is not static: {headers}");
    }
    for file in [
        "LICENSE",
        "README.md",
        "deploy/up.sh",
        "deploy/agents.yml",
        "dashboards/home.json",
        "docs/releases.md",
    ] {
        assert!(unpacked.join(file).exists(), "{file}");
    }

    for (agent, needs) in AGENTS.into_iter().zip(["zbus", "bollard", "elasticsearch"]) {
        let bom: Value =
            serde_json::from_str(&read(&path(&format!("x86_64-{agent}.cdx.json")))).expect("JSON");
        assert_eq!(bom["bomFormat"], "CycloneDX");
        assert_eq!(bom["metadata"]["component"]["name"], agent);
        let components = bom["components"].as_array().expect("components");
        let component = |name: &str| components.iter().find(|component| component["name"] == name);
        let found = component(needs).unwrap_or_else(|| panic!("{agent}: no {needs}"));
        assert!(found["purl"].as_str().is_some_and(|purl| purl.starts_with("pkg:cargo/")), "{found}");
        assert!(component("proptest").is_none(), "{agent}: only what is linked");
    }

    for agent in AGENTS {
        let image = format!("swarmscope/{agent}:{VERSION}");
        engine.docker(&["image", "rm", "-f", &image]);
        engine.load_file(&path(&format!("x86_64-{agent}.image.tar")));
        let answer = engine.docker(&["run", "--rm", "--network", "none", &image, "--version"]);
        assert!(answer.contains(VERSION), "{agent}: {answer}");
    }

    let notes = read(&path("x86_64-RELEASE.txt"));
    for part in ["commit ", "rustc ", "node-exporter: ", "docker load"] {
        assert!(notes.contains(part), "{part}: {notes}");
    }
    let notes = read(&path("riscv64gc-RELEASE.txt"));
    assert!(notes.contains("NOT BUILT: the target is not installed"), "{notes}");

    // Without an engine, and to the same bytes.
    let again = folder.path().join("two");
    release(&again, "unix:///no/such.sock");
    let archive = format!("swarmscope-{VERSION}-x86_64.tar.gz");
    let bytes = |dist: &Path| std::fs::read(dist.join(&archive)).expect("an archive");
    assert!(bytes(&dist) == bytes(&again), "the same commit and binaries make another archive");
    let notes = read(&again.join(format!("swarmscope-{VERSION}-x86_64-RELEASE.txt")));
    assert!(notes.contains("images: left out"), "{notes}");
}

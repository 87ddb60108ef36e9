//! TLS and users on container-exporter's endpoint, with certificates of openssl and asked by curl.

use std::fs;

use e2e::agent::Agent;
use e2e::command::{attempt, run};
use e2e::wait::{LIMIT, until};

/// The bcrypt hash of `secret`, of least cost.
const HASH: &str = "$2b$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW";

#[test]
fn container_exporter_speaks_tls_and_asks_for_a_password() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (key, certificate) = (path("key.pem"), path("cert.pem"));
    let request =
        ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"];
    let names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"];
    run("openssl", &[&request[..], &names, &["-keyout", &key, "-out", &certificate]].concat());
    let config = format!(
        "tls_server_config: {{cert_file: {certificate}, key_file: {key}}}\nbasic_auth_users: {{admin: '{HASH}'}}\n"
    );
    fs::write(path("web.yml"), config).expect("a file");
    let docker = format!("--docker=unix://{}", path("none.sock"));
    let web = format!("--web.config.file={}", path("web.yml"));
    let agent = Agent::launch("container-exporter", &[&docker, &web], &[]);
    let url = format!("https://{}/metrics", agent.address());
    let status = |user: &[&str]| {
        let common = ["-sS", "--cacert", &certificate, "-o", "/dev/null", "-w", "%{http_code}"];
        attempt("curl", &[&common[..], user, &[&url]].concat())
    };
    let wanted = until(LIMIT, "an answer over TLS", || status(&[]));
    assert_eq!(wanted.trim(), "401");
    assert_eq!(status(&["-u", "admin:wrong"]).expect("an answer").trim(), "401");
    assert_eq!(status(&["-u", "admin:secret"]).expect("an answer").trim(), "200");
    let plain =
        attempt("curl", &["-sS", "-o", "/dev/null", "-w", "%{http_code}", &url.replace("https", "http")]);
    assert_ne!(plain.unwrap_or_default().trim(), "200", "nothing is served without TLS");
}

//! `--web.config.file`: any bytes, and any damage to a file that is right.
#![no_main]

use std::fs;

use agent_core::server::Web;
use fuzz::damage;
use tempfile::TempDir;

const GOOD: &[u8] = b"tls_server_config:
  cert_file: a.crt
  key_file: a.key
  client_auth_type: VerifyClientCertIfGiven
  client_ca_file: ca.crt
  client_allowed_sans: [prometheus, 10.0.0.1]
  min_version: TLS12
  cipher_suites: [TLS_AES_128_GCM_SHA256]
http_server_config:
  http2: false
  headers:
    X-Frame-Options: deny
basic_auth_users:
  alice: $2y$10$X0h1gDsPszWURQaxFh.zoubFi6DXncSjhoQNJgRrnGs7EsimhC7zG
rate_limit: {interval: 1s, burst: 2}
";

thread_local!(static FOLDER: TempDir = TempDir::new().expect("a folder"));

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Some(content) = damage::apply(GOOD, bytes) else { return };
    let file = FOLDER.with(|folder| folder.path().join("web.yml"));
    fs::write(&file, content).expect("a file");
    if let Err(errors) = Web::load(&file) {
        // What is told to users has to be made as well.
        let _ = errors.to_string();
    }
});

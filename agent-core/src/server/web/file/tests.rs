use super::*;
use proptest::prelude::*;

const HASH: &str = "$2y$10$X0h1gDsPszWURQaxFh.zoubFi6DXncSjhoQNJgRrnGs7EsimhC7zG";

fn read(text: &str) -> Result<Settings, String> {
    parse(text, Path::new("/etc/agent/web.yml")).map_err(|e| e.to_string())
}

#[test]
fn everything_at_once() {
    let text = format!(
        "tls_server_config:
  cert_file: server.crt
  key_file: /keys/server.key
  client_auth_type: RequireAndVerifyClientCert
  client_ca_file: ca.crt
  client_allowed_sans: [prometheus, 10.0.0.1]
  min_version: TLS12
  max_version: TLS13
  cipher_suites:
    - TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256
    - TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA
    - TLS_AES_128_GCM_SHA256
  prefer_server_cipher_suites: false
  curve_preferences: [CurveP384, X25519, CurveP521]
http_server_config:
  http2: true
  headers:
    X-Frame-Options: deny
    X-Content-Type-Options: nosniff
    X-XSS-Protection: '1; mode=block'
    Strict-Transport-Security: max-age=31536000
    Content-Security-Policy: ''
basic_auth_users:
  alice: {HASH}
  bob: '{HASH}'
rate_limit:
  interval: 250ms
  burst: 20
"
    );
    let settings = read(&text).unwrap();
    let tls = settings.tls.unwrap();
    let files: Vec<_> = tls.files().collect();
    let expected = ["/etc/agent/server.crt", "/keys/server.key", "/etc/agent/ca.crt"];
    assert_eq!(files, expected.map(PathBuf::from));
    assert_eq!(tls.client_auth, ClientAuth::RequireAndVerify);
    assert_eq!(tls.client_sans.unwrap(), ["prometheus", "10.0.0.1"]);
    assert_eq!(tls.groups.unwrap(), [NamedGroup::secp384r1, NamedGroup::X25519]);
    assert_eq!(tls.suites.iter().filter(|s| s.tls13().is_none()).count(), 1);
    assert_eq!(tls.suites.iter().filter(|s| s.tls13().is_some()).count(), 3);
    assert!(!tls.server_order);
    assert_eq!(settings.users.keys().collect::<Vec<_>>(), ["alice", "bob"]);
    assert_eq!(settings.rate, Some(Rate { interval: Duration::from_millis(250), burst: 20 }));
    assert_eq!(settings.headers.len(), 4);
    assert_eq!(settings.notices.len(), 3, "http2, a suite, a curve: {:?}", settings.notices);
}

#[test]
fn nothing_is_fine_too() {
    for text in ["", "# only a comment\n", "{}", "tls_server_config:\n", "rate_limit: {interval: 0}"] {
        let settings = read(text).unwrap();
        assert!(settings.tls.is_none() && settings.users.is_empty() && settings.rate.is_none(), "{text}");
    }
}

#[test]
fn what_is_not_known_is_told_with_its_line() {
    for (text, line, word) in [
        ("tls_server_config:\n  cert_fil: x\n", "web.yml:2", "cert_fil"),
        ("\n\nusers: {}\n", "web.yml:3", "users"),
        ("http_server_config:\n  headers:\n    X-Powered-By: us\n", "web.yml:3", "X-Powered-By"),
        ("http_server_config:\n  headers:\n    X-Frame-Options: maybe\n", "web.yml:3", "deny or sameorigin"),
        ("basic_auth_users:\n  a: b\n  a: c\n", "web.yml:3", "a"),
        ("rate_limit:\n  burst: -1\n", "web.yml:2", "u32"),
        ("rate_limit:\n  interval: 5\n  burst: 1\n", "web.yml:2", "`5` is not a duration"),
        ("rate_limit:\n  interval: 1s\n", "web.yml:2", "lets no request through"),
        ("a: [", "web.yml:1", ""),
    ] {
        let errors = read(text).unwrap_err();
        assert!(errors.contains(line) && errors.contains(word), "{text}: {errors}");
    }
}

#[test]
fn all_errors_of_a_file_at_once() {
    let text = "tls_server_config:
  cert_file: server.crt
  client_auth_type: Perhaps
  min_version: SSL3
  cipher_suites: [TLS_NONE]
  curve_preferences: [Circle]
  client_allowed_sans: [x]
http_server_config:
  headers:
    X-Content-Type-Options: sniff
basic_auth_users:
  alice: open-sesame
";
    let errors = read(text).unwrap_err();
    for part in [
        "`key` is missing",
        ":3: client_auth_type: `Perhaps`",
        ":4: min_version: `SSL3`",
        ":5: cipher_suites: `TLS_NONE`",
        ":6: curve_preferences: `Circle`",
        "client_allowed_sans",
        ":10: x-content-type-options: `sniff`",
        ":12: basic_auth_users: `alice` has no bcrypt hash",
    ] {
        assert!(errors.contains(part), "{part}: {errors}");
    }
    assert!(!errors.contains("open-sesame"), "passwords do not get into logs: {errors}");
}

#[test]
fn client_certificates_need_something_to_check_them_with() {
    let base = "tls_server_config:\n  cert_file: c\n  key_file: k\n";
    let with = |rest: &str| read(&format!("{base}{rest}"));
    assert!(with("  client_auth_type: RequireAnyClientCert\n").is_ok());
    assert!(with("  client_auth_type: RequireAndVerifyClientCert\n").unwrap_err().contains("client_ca_file"));
    assert!(with("  client_ca_file: ca\n").unwrap_err().contains("client_auth_type"));
    assert!(with("  max_version: TLS11\n").unwrap_err().contains("leaves no version"));
    assert!(with("  min_version: TLS10\n").is_ok_and(|s| s.notices.len() == 1));
    assert!(with("  cert: inline\n").unwrap_err().contains("is given as a file too"));
    assert!(with("  curve_preferences: [CurveP521]\n").unwrap_err().contains("leaves no curve"));
}

#[test]
fn secrets_are_not_printed() {
    let settings = read(&format!("basic_auth_users: {{alice: {HASH}}}")).unwrap();
    assert!(!format!("{settings:?}").contains("X0h1gDs"));
}

proptest! {
    #[test]
    fn nothing_panics(text: String) {
        let _result: Result<_, _> = read(&text);
    }

    #[test]
    fn odd_values_do_not_panic(key in "[a-z_]{1,12}", value in "\\PC{0,20}", number: i64) {
        for section in ["tls_server_config", "http_server_config", "basic_auth_users", "rate_limit"] {
            let _result: Result<_, _> = read(&format!("{section}:\n  {key}: {value}\n  interval: {number}\n"));
        }
    }
}

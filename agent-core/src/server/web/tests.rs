//! A whole agent behind a web configuration, asked as Prometheus asks.

use std::fmt::Write;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU16, Ordering};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject};
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::*;
use crate::cli::{Common, parse_listen};
use crate::collector::CollectorSet;
use crate::entry::{Context, Environment};
use crate::identity::{Identity, SharedIdentity};
use crate::service::{Readiness, Service};
use crate::shutdown::CancellationToken;
use crate::testing::FakeRoot;
use prometheus_client::registry::Registry;

/// An authority, and a certificate of it.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    fn pem(&self) -> String {
        self.0.pem()
    }

    /// Certificate and key in PEM form.
    fn issue(&self, name: &str) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        (params.signed_by(&key, &self.0).unwrap().pem(), key.serialize_pem())
    }
}

/// A running agent.
struct Running {
    root: FakeRoot,
    authority: Authority,
    port: u16,
    stop: CancellationToken,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

const TLS: &str = "tls_server_config:\n  cert_file: server.crt\n  key_file: server.key\n";

/// Below the ports that the kernel gives out by itself: nobody takes it before the service does.
fn free_address() -> SocketAddr {
    static NEXT: AtomicU16 = AtomicU16::new(11_000);
    loop {
        let address = SocketAddr::from(([127, 0, 0, 1], NEXT.fetch_add(1, Ordering::SeqCst)));
        if std::net::TcpListener::bind(address).is_ok() {
            return address;
        }
    }
}

async fn start(config: &str) -> Running {
    let (root, authority) = (FakeRoot::new(), Authority::new());
    let (certificate, key) = authority.issue("localhost");
    root.file("server.crt", certificate);
    root.file("server.key", key);
    root.file("ca.crt", authority.pem());
    let path = root.file("web.yml", config);
    let free = free_address();
    let stop = CancellationToken::new();
    let common = Common {
        web: Some(Arc::new(Web::load_looking(&path, Duration::ZERO).unwrap())),
        listen: vec![parse_listen("test", &free.to_string()).unwrap()],
        ..Common::for_tests()
    };
    let context = Context { common, environment: Environment::default(), shutdown: stop.clone() };
    let service = Service {
        agent: "agent",
        version: "1",
        collectors: CollectorSet::new("agent", Vec::new(), Vec::new()),
        registry: Registry::default(),
        readiness: Readiness::default(),
        identity: SharedIdentity::new(Identity::default()),
        routes: Vec::new(),
    };
    tokio::spawn(async move { service.serve(&context).await });
    while TcpStream::connect(free).await.is_err() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Running { root, authority, port: free.port(), stop }
}

/// How a client comes.
#[derive(Default)]
struct Client<'a> {
    certificate: Option<&'a (String, String)>,
    versions: Option<&'static SupportedProtocolVersion>,
    header: &'a str,
}

impl Running {
    async fn plain(&self, path: &str, header: &str) -> Result<String, String> {
        exchange(TcpStream::connect(("127.0.0.1", self.port)).await.unwrap(), path, header).await
    }

    async fn tls(&self, path: &str, client: &Client<'_>) -> Result<String, String> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(self.authority.pem().as_bytes()).unwrap()).unwrap();
        let versions = client.versions.map_or_else(|| vec![&TLS12, &TLS13], |version| vec![version]);
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&versions)
            .unwrap()
            .with_root_certificates(roots);
        let config = match client.certificate {
            None => builder.with_no_client_auth(),
            Some((certificate, key)) => {
                let chain = vec![CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()];
                let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
                builder.with_client_auth_cert(chain, key).unwrap()
            }
        };
        let stream = TcpStream::connect(("127.0.0.1", self.port)).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await;
        exchange(stream.map_err(|e| e.to_string())?, path, client.header).await
    }

    async fn status(&self, path: &str, header: &str) -> String {
        let answer = self.plain(path, header).await.unwrap();
        answer.split(' ').nth(1).unwrap().to_owned()
    }

    async fn healthy(&self) -> std::io::Result<()> {
        let address = parse_listen("test", &format!("127.0.0.1:{}", self.port)).unwrap();
        tokio::task::spawn_blocking(move || crate::healthcheck::ask(&address)).await.unwrap()
    }
}

async fn exchange(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    path: &str,
    header: &str,
) -> Result<String, String> {
    let mut request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n");
    write!(request, "{header}{}\r\n", if header.is_empty() { "" } else { "\r\n" }).unwrap();
    stream.write_all(request.as_bytes()).await.map_err(|e| e.to_string())?;
    let mut answer = Vec::new();
    let read = stream.read_to_end(&mut answer).await;
    if answer.is_empty() {
        return Err(read.map_or_else(|e| e.to_string(), |_| "closed".to_owned()));
    }
    Ok(String::from_utf8(answer).unwrap())
}

#[tokio::test]
async fn tls_of_both_versions() {
    let agent = start(TLS).await;
    for version in [&TLS12, &TLS13] {
        let client = Client { versions: Some(version), ..Client::default() };
        let answer = agent.tls("/metrics", &client).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        assert!(answer.contains("swarmscope_agent_info"), "{answer}");
    }
    let plain = agent.plain("/metrics", "").await;
    assert!(!plain.is_ok_and(|answer| answer.contains("swarmscope")), "no metrics without TLS");
    agent.healthy().await.unwrap();
}

#[tokio::test]
async fn versions_are_kept_to() {
    let agent = start(&format!("{TLS}  min_version: TLS13\n")).await;
    let with = |version| Client { versions: Some(version), ..Client::default() };
    assert!(agent.tls("/metrics", &with(&TLS12)).await.is_err());
    assert!(agent.tls("/metrics", &with(&TLS13)).await.is_ok());
}

#[tokio::test]
async fn certificates_of_clients() {
    let other = Authority::new().issue("prometheus");
    // Policy, then what comes of: none, a stranger's, a good one of the wrong name, a good one.
    for (policy, sans, expected) in [
        ("NoClientCert", "", [true, true, true, true]),
        ("RequestClientCert", "", [true, true, true, true]),
        ("RequireAnyClientCert", "", [false, true, true, true]),
        ("RequireAnyClientCert", "  client_allowed_sans: [prometheus]\n", [false, true, false, true]),
        ("VerifyClientCertIfGiven", "", [true, false, true, true]),
        ("RequireAndVerifyClientCert", "", [false, false, true, true]),
        ("RequireAndVerifyClientCert", "  client_allowed_sans: [prometheus]\n", [false, false, false, true]),
    ] {
        let ca = if policy == "NoClientCert" { "" } else { "  client_ca_file: ca.crt\n" };
        let agent = start(&format!("{TLS}  client_auth_type: {policy}\n{ca}{sans}")).await;
        let (wrong, good) = (agent.authority.issue("grafana"), agent.authority.issue("prometheus"));
        for version in [&TLS12, &TLS13] {
            let mut outcomes = Vec::new();
            for certificate in [None, Some(&other), Some(&wrong), Some(&good)] {
                let client = Client { certificate, versions: Some(version), header: "" };
                outcomes.push(agent.tls("/metrics", &client).await.is_ok());
            }
            assert_eq!(outcomes, expected, "{policy} {sans} {version:?}");
        }
        agent.healthy().await.unwrap();
    }
}

fn basic(user: &str, password: &str) -> String {
    use base64::Engine;
    let text = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
    format!("Authorization: Basic {text}")
}

fn users(password: &str) -> String {
    format!("basic_auth_users:\n  alice: {}\n", bcrypt::hash(password, 4).unwrap())
}

#[tokio::test]
async fn users_and_headers() {
    let headers = "http_server_config:\n  headers:\n    X-Frame-Options: deny\n";
    let agent = start(&format!("{}{headers}", users("secret"))).await;
    assert_eq!(agent.status("/metrics", &basic("alice", "secret")).await, "200");
    for bad in [String::new(), basic("alice", "wrong"), basic("bob", "secret")] {
        for path in ["/metrics", "/", "/-/ready", "/nowhere"] {
            let answer = agent.plain(path, &bad).await.unwrap();
            assert!(answer.starts_with("HTTP/1.1 401 "), "{path}: {answer}");
            let lower = answer.to_ascii_lowercase();
            assert!(lower.contains("www-authenticate: basic\r\n"), "{answer}");
            assert!(lower.contains("x-frame-options: deny\r\n"), "{answer}");
        }
    }
    assert_eq!(agent.status("/-/healthy", "").await, "200");
    agent.healthy().await.unwrap();
}

#[tokio::test]
async fn too_many_requests_are_turned_away() {
    let agent = start("rate_limit:\n  interval: 1h\n  burst: 2\n").await;
    let mut statuses = Vec::new();
    for _ in 0..4 {
        statuses.push(agent.status("/metrics", "").await);
    }
    assert_eq!(statuses, ["200", "200", "429", "429"]);
    assert_eq!(agent.status("/-/healthy", "").await, "200");
    // The file read again gives no new tokens, another limit does.
    agent.root.file("web.yml", "# changed\nrate_limit:\n  interval: 1h\n  burst: 2\n");
    assert_eq!(agent.status("/metrics", "").await, "429");
    agent.root.file("web.yml", "rate_limit:\n  interval: 1h\n  burst: 3\n");
    assert_eq!(agent.status("/metrics", "").await, "200");
}

#[tokio::test]
async fn changes_count_at_once_and_bad_ones_not_at_all() {
    let agent = start(&users("old")).await;
    let path = agent.root.path().join("web.yml");
    assert_eq!(agent.status("/metrics", &basic("alice", "old")).await, "200");
    agent.root.file("web.yml", users("new"));
    assert_eq!(agent.status("/metrics", &basic("alice", "old")).await, "401");
    assert_eq!(agent.status("/metrics", &basic("alice", "new")).await, "200");
    for bad in ["basic_auth_users: [", "tls_server_config: {cert_file: gone.crt, key_file: gone.key}"] {
        agent.root.file("web.yml", bad);
        assert_eq!(agent.status("/metrics", "").await, "401", "{bad}");
        assert_eq!(agent.status("/metrics", &basic("alice", "new")).await, "200", "{bad}");
    }
    fs::remove_file(&path).unwrap();
    assert_eq!(agent.status("/metrics", "").await, "401");
    // The files that the last bad one named turn up: TLS is on with the next connection.
    let (certificate, key) = agent.authority.issue("localhost");
    agent.root.file("web.yml", "tls_server_config: {cert_file: gone.crt, key_file: gone.key}");
    assert_eq!(agent.status("/metrics", "").await, "401");
    agent.root.file("gone.key", key);
    agent.root.file("gone.crt", certificate);
    agent.tls("/metrics", &Client::default()).await.unwrap();
    // A new certificate that the client does not trust is noticed as well.
    let (certificate, key) = Authority::new().issue("localhost");
    agent.root.file("gone.key", key);
    agent.root.file("gone.crt", certificate);
    assert!(agent.tls("/metrics", &Client::default()).await.unwrap_err().contains("certificate"));
}

#[test]
fn files_are_not_read_more_often_than_said() {
    let root = FakeRoot::new();
    let path = root.file("web.yml", "");
    let web = Web::load(&path).unwrap();
    root.file("web.yml", users("x"));
    assert!(web.current().users.is_empty(), "within the first second nothing is looked at");
}

#[test]
fn a_bad_file_is_told_once() {
    let root = FakeRoot::new();
    let path = root.file("web.yml", users("x"));
    let web = Web::load_looking(&path, Duration::ZERO).unwrap();
    let bad = || web.state.lock().unwrap().bad.clone().map(|errors| errors.to_string());
    root.file("web.yml", "x: 1");
    for _ in 0..3 {
        assert_eq!(web.current().users.len(), 1);
        assert!(bad().unwrap().contains("web.yml:1"), "{:?}", bad());
    }
    root.file("web.yml", "");
    assert!(web.current().users.is_empty());
    assert_eq!(bad(), None);
}

#[test]
fn errors_at_start_name_file_and_line() {
    let root = FakeRoot::new();
    let authority = Authority::new();
    let (certificate, key) = authority.issue("localhost");
    root.file("server.crt", certificate);
    root.file("server.key", key);
    root.file("other.key", authority.issue("localhost").1);
    let errors = |config: &str| {
        let path = root.file("web.yml", config);
        Web::load(&path).unwrap_err().to_string()
    };
    let gone = errors("tls_server_config:\n  cert_file: gone.crt\n  key_file: gone.key\n");
    assert!(gone.contains("web.yml:2: cert_file") && gone.contains("web.yml:3: key_file"), "{gone}");
    let swapped = errors("tls_server_config:\n  cert_file: server.key\n  key_file: server.crt\n");
    assert!(
        swapped.contains("holds no certificate") && swapped.contains("holds no private key"),
        "{swapped}"
    );
    let foreign = errors("tls_server_config:\n  cert_file: server.crt\n  key_file: other.key\n");
    assert!(foreign.contains("TLS library"), "{foreign}");
    let path = root.path().join("absent.yml");
    assert!(Web::load(&path).unwrap_err().to_string().contains("--web.config.file"));
}

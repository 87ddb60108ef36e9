use std::sync::Arc;

use agent_core::identity::Identity;
use agent_core::identity::SharedIdentity;
use agent_core::prometheus::registry::Registry;
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use super::*;
use crate::container::Container;
use crate::metrics::Metrics;
use crate::record::Stream;
use crate::sink::syslog::format::{Format, Header, Parts};

fn header() -> Frames {
    Frames::Syslog(Header {
        format: Format::Rfc3164,
        identity: SharedIdentity::new(Identity::default()),
        parts: Parts::default(),
        append_tag: String::new(),
        time_digits: 9,
        compat: false,
    })
}

fn batch(numbers: std::ops::Range<u32>) -> Batch {
    let container =
        Arc::new(Container { name: "c".to_owned(), hostname: "h".to_owned(), ..Container::default() });
    let mut batch = Batch::default();
    for number in numbers {
        batch.push(&container, Stream::Stdout, i64::from(number), 0, format!("line {number}").as_bytes());
    }
    batch
}

const RESEND_BYTES: usize = 1024 * 1024;

fn to(host: String, port: u16) -> Address {
    Address { host, port, tls: None }
}

fn link() -> Link {
    Link::new("test".to_owned(), Metrics::register(&mut Registry::default()).route("test"))
}

/// The numbers of whole lines.
fn numbers(received: &[u8]) -> Vec<u32> {
    let end = received.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    let text = String::from_utf8(received[..end].to_vec()).unwrap();
    text.lines().map(|line| line.rsplit_once("line ").unwrap().1.parse().unwrap()).collect()
}

#[test]
fn framings() {
    let one = batch(7..8);
    let text = |framing| String::from_utf8(pieces(&one, &header(), framing).concat()).unwrap();
    assert_eq!(text(Framing::Traditional), "<14>1970-01-01T00:00:00.000000007Z h c: line 7\n");
    assert_eq!(text(Framing::OctetCounted), "47 <14>1970-01-01T00:00:00.000000007Z h c: line 7\n");
}

/// The receiver resets connection after connection with bytes unread, as one that is killed does: every line arrives
/// all the same, and the first time in order.
#[tokio::test]
async fn resets_lose_nothing() {
    const LINES: u32 = 20_000;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (sender, mut received) = mpsc::channel(1000);
    tokio::spawn(async move {
        for patience in (0..).map(|round| 30_000 * (round + 1)) {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut bytes = Vec::new();
            let mut buffer = vec![0; 8 * 1024];
            while bytes.len() < patience {
                let length = stream.read(&mut buffer).await.unwrap();
                if length == 0 {
                    break;
                }
                bytes.extend_from_slice(&buffer[..length]);
                if numbers(&bytes).last() == Some(&(LINES - 1)) {
                    break;
                }
            }
            rustix::net::sockopt::set_socket_linger(&stream, Some(Duration::ZERO)).unwrap();
            drop(stream);
            sender.send(numbers(&bytes)).await.unwrap();
        }
    });
    let mut sink =
        TcpSink::new(to("localhost".to_owned(), port), header(), Framing::Traditional, RESEND_BYTES);
    let mut link = link();
    let sending = tokio::spawn(async move {
        for start in (0..LINES).step_by(1000) {
            sink.deliver(&batch(start..start + 1000), &mut link).await;
        }
        // The last reset comes when nothing more is to be sent.
        loop {
            sink.idle(&mut link).await;
        }
    });
    let mut next = 0;
    while next < LINES {
        for number in received.recv().await.unwrap() {
            assert!(number <= next, "{number} came before {next}");
            next = next.max(number + 1);
        }
    }
    sending.abort();
}

/// A receiver that is not there yet: the lines wait.
#[tokio::test]
async fn a_late_receiver_gets_everything() {
    // Bound but not listening: connections are refused, and nobody else gets the port.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = socket.local_addr().unwrap();
    let delivery = tokio::spawn(async move {
        let mut sink = TcpSink::new(
            to("127.0.0.1".to_owned(), address.port()),
            header(),
            Framing::Traditional,
            RESEND_BYTES,
        );
        sink.deliver(&batch(0..10), &mut link()).await;
    });
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(!delivery.is_finished());
    let listener = socket.listen(16).unwrap();
    let (mut stream, _) = listener.accept().await.unwrap();
    delivery.await.unwrap();
    let mut received = Vec::new();
    stream.read_to_end(&mut received).await.unwrap();
    assert_eq!(numbers(&received), (0..10).collect::<Vec<_>>());
}

/// A receiver that wants a certificate, of an authority that only this test knows.
#[tokio::test]
async fn tls_goes_both_ways_with_own_certificates() {
    use agent_core::testing::FakeRoot;
    use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
    use rustls::pki_types::pem::PemObject;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};

    use crate::sink::tls::Tls;

    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let issue = |name: &str| {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        (params.signed_by(&key, &authority).unwrap().pem(), key.serialize_pem())
    };
    let ca = CertificateDer::from_pem_slice(authority.pem().as_bytes()).unwrap();
    let (certificate, key) = issue("localhost");
    let mut roots = rustls::RootCertStore::empty();
    roots.add(ca).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier =
        rustls::server::WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
    let server = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier.build().unwrap())
        .with_single_cert(
            vec![CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()],
            PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap(),
        )
        .unwrap();
    let listener = TcpListener::bind("localhost:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let receiving = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(server));
        let mut stream = acceptor.accept(stream).await.unwrap();
        let mut received = Vec::new();
        while numbers(&received).len() < 20_000 {
            assert!(stream.read_buf(&mut received).await.unwrap() > 0, "all lines before the end");
        }
        numbers(&received)
    });

    let folder = FakeRoot::new();
    let (certificate, key) = issue("router");
    let file = |name: &str, content: String| folder.file(name, content).display().to_string();
    let environment = [
        ("LOGSPOUT_TLS_CA_CERTS", file("ca.pem", authority.pem())),
        ("LOGSPOUT_TLS_CLIENT_CERT", file("cert.pem", certificate)),
        ("LOGSPOUT_TLS_CLIENT_KEY", file("key.pem", key)),
        ("LOGSPOUT_TLS_DISABLE_SYSTEM_ROOTS", "true".to_owned()),
    ];
    let tls = Tls::from_environment(&environment.into_iter().collect()).unwrap();
    let address = Address { host: "localhost".to_owned(), port, tls: Some(tls) };
    let mut sink = TcpSink::new(address, header(), Framing::Traditional, RESEND_BYTES);
    sink.deliver(&batch(0..20_000), &mut link()).await;
    assert_eq!(receiving.await.unwrap(), (0..20_000).collect::<Vec<_>>());
}

//! Syslog from the network: messages of programs that write to a syslog server rather than to their output come in here
//! and go the same routes as the lines of containers.
//!
//! `frame` cuts a stream into messages, `message` reads them, [`feed`] holds them for each route. What is sent by UDP
//! while a route's queue is full is dropped and counted; TCP and TLS wait, unless the route takes nothing for long.

pub mod feed;
mod frame;
mod intake;
mod message;
mod stream;
mod tls;
mod udp;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use agent_core::error::{ConfigError, ConfigErrors, RunError};
use agent_core::shutdown::CancellationToken;
use clap::Args;
use tokio::net::{TcpListener, UdpSocket};
use tokio::sync::Semaphore;
use tracing::info;

use self::feed::Feeds;
use self::intake::Intake;
use self::stream::Server;
use crate::meaning::settings::Settings;
use crate::metrics::Listeners;

/// Flags of the listeners.
#[derive(Debug, Clone, Args)]
pub struct ListenArgs {
    /// Take syslog by UDP at this address, for example 0.0.0.0:51415; may be given several times
    #[arg(long = "listen.syslog-udp", value_name = "ADDRESS")]
    pub syslog_udp: Vec<String>,

    /// Take syslog by TCP, newline-framed or octet-counted
    #[arg(long = "listen.syslog-tcp", value_name = "ADDRESS")]
    pub syslog_tcp: Vec<String>,

    /// Take syslog by TLS (RFC 5425); needs the two files below
    #[arg(long = "listen.syslog-tls", value_name = "ADDRESS")]
    pub syslog_tls: Vec<String>,

    /// PEM file of the certificate of --listen.syslog-tls, with what stands between it and its authority
    #[arg(long = "listen.tls-cert-file", value_name = "FILE")]
    pub tls_cert_file: Option<PathBuf>,

    /// PEM file of its private key
    #[arg(long = "listen.tls-key-file", value_name = "FILE")]
    pub tls_key_file: Option<PathBuf>,

    /// PEM file of the authorities whose clients --listen.syslog-tls takes; all clients without it
    #[arg(long = "listen.tls-client-ca-file", value_name = "FILE")]
    pub tls_client_ca_file: Option<PathBuf>,

    /// Connections at a time; more are closed and counted
    #[arg(long = "listen.max-connections", value_name = "NUMBER", default_value_t = 256)]
    pub listen_connections: usize,
}

/// The listeners, checked.
#[derive(Debug, Clone, Default)]
pub struct Config {
    udp: Vec<SocketAddr>,
    tcp: Vec<SocketAddr>,
    tls: Vec<SocketAddr>,
    server: Option<Arc<rustls::ServerConfig>>,
    max_connections: usize,
}

impl ListenArgs {
    /// Checks addresses and files.
    pub fn check(&self, errors: &mut ConfigErrors) -> Config {
        let mut addresses = |flag: &str, given: &[String]| -> Vec<SocketAddr> {
            let parse = |text: &String| {
                let full =
                    text.strip_prefix(':').map_or_else(|| text.clone(), |port| format!("0.0.0.0:{port}"));
                full.parse().map_err(|_| {
                    ConfigError::new(
                        flag,
                        text,
                        "is not an address",
                        "give IP:PORT, for example 0.0.0.0:51415",
                    )
                })
            };
            given.iter().filter_map(|text| errors.take(parse(text))).collect()
        };
        let udp = addresses("--listen.syslog-udp", &self.syslog_udp);
        let tcp = addresses("--listen.syslog-tcp", &self.syslog_tcp);
        let tls = addresses("--listen.syslog-tls", &self.syslog_tls);
        let server = if tls.is_empty() { None } else { errors.take(tls::load(self)) };
        Config { udp, tcp, tls, server, max_connections: self.listen_connections }
    }
}

/// Opens all sockets and serves them until `shutdown` is cancelled.
pub async fn serve(
    config: &Config,
    lines: &Settings,
    feeds: &Feeds,
    metrics: &Listeners,
    shutdown: &CancellationToken,
) -> Result<(), RunError> {
    let failed = |flag: &str, address: &SocketAddr, error: std::io::Error| {
        RunError::Other(format!("cannot listen on {address} ({flag}): {error}"))
    };
    let intake = |name: &'static str| Arc::new(Intake::new(lines, feeds.clone(), metrics.listener(name)));
    if !config.udp.is_empty() {
        let intake = intake("syslog-udp");
        for address in &config.udp {
            let socket = UdpSocket::bind(address)
                .await
                .map_err(|error| failed("--listen.syslog-udp", address, error))?;
            info!(%address, "taking syslog by UDP");
            tokio::spawn(udp::serve(socket, Arc::clone(&intake), shutdown.clone()));
        }
    }
    let connections = Arc::new(Semaphore::new(config.max_connections));
    for (flag, name, addresses, tls) in [
        ("--listen.syslog-tcp", "syslog-tcp", &config.tcp, None),
        ("--listen.syslog-tls", "syslog-tls", &config.tls, config.server.clone()),
    ] {
        if addresses.is_empty() {
            continue;
        }
        let intake = intake(name);
        for address in addresses {
            let listener = TcpListener::bind(address).await.map_err(|error| failed(flag, address, error))?;
            info!(%address, listener = name, "taking syslog");
            let server = Server {
                intake: Arc::clone(&intake),
                connections: Arc::clone(&connections),
                tls: tls.clone().map(Into::into),
            };
            tokio::spawn(server.accept(listener, shutdown.clone()));
        }
    }
    Ok(())
}

/// A stream of messages in two pieces, the first of so many bytes, and each message: where it is cut makes no difference.
#[cfg(fuzzing)]
pub fn fuzz(bytes: &[u8], first: usize) {
    let frames = |pieces: &[&[u8]]| {
        let mut frames = Vec::new();
        let mut framer = frame::Framer::new(64);
        let mut pass = |frame: frame::Frame<'_>| frames.push((frame.text.to_vec(), frame.first, frame.last));
        let good = pieces.iter().try_for_each(|piece| framer.push(piece, &mut pass));
        if good.is_ok() {
            framer.finish(&mut pass);
        }
        (frames, good)
    };
    let whole = frames(&[bytes]);
    let (one, two) = bytes.split_at(first.min(bytes.len()));
    assert_eq!(whole, frames(&[one, two]));
    for (text, ..) in whole.0 {
        message::parse(&text, 1_476_918_859_000_000_000);
    }
    message::parse(bytes, 0);
}

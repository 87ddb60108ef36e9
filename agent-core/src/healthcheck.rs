//! `<agent> healthcheck`: asks the running agent's `/-/healthy`, for images without a shell.
//!
//! It asks in plain HTTP. An agent that speaks TLS answers that with an alert, and an answer is all that is asked:
//! so one health check in an image fits every configuration, without certificates. `--web.config.file` is taken so
//! that the agent's own arguments may be given, but not read.

use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Arg, Command};

use crate::cli::{CommonDefaults, ListenAddress, parse_listen};
use crate::exit::{EXIT_RUN, EXIT_USAGE, complain};

const TIMEOUT: Duration = Duration::from_secs(3);
const ADDRESS: &str = "web.listen-address";
const WEB_CONFIG: &str = "web.config.file";
const REQUEST: &[u8] = b"GET /-/healthy HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
/// More than the answer is not read.
const MOST: u64 = 4096;
/// How an alert begins: what a TLS server says to plain HTTP.
const ALERT: [u8; 2] = [21, 3];

pub(crate) fn run(
    agent: &'static str,
    arguments: impl Iterator<Item = OsString>,
    defaults: &CommonDefaults,
) -> ExitCode {
    let address = Arg::new(ADDRESS).long(ADDRESS).value_name("ADDRESS:PORT");
    let command = Command::new("healthcheck")
        .about(format!("Exits with 0 when the running {agent} answers"))
        .arg(address.help("The address the agent was told to listen on"))
        .arg(
            Arg::new(WEB_CONFIG)
                .long(WEB_CONFIG)
                .value_name("FILE")
                .help("Not needed: an answer by TLS counts as well"),
        );
    let matches = match command.try_get_matches_from(arguments) {
        Ok(matches) => matches,
        Err(error) => error.exit(),
    };
    let given = matches.get_one::<String>(ADDRESS);
    let (origin, given) =
        given.map_or((defaults.listen_origin, defaults.listen.as_str()), |g| ("--web.listen-address", g));
    match parse_listen(origin, given) {
        Ok(address) => match ask(&address) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                complain(&format!("error: {agent} at {given} does not answer /-/healthy: {error}"));
                ExitCode::from(EXIT_RUN)
            }
        },
        Err(error) => {
            complain(&format!("error: {error}"));
            ExitCode::from(EXIT_USAGE)
        }
    }
}

pub(crate) fn ask(address: &ListenAddress) -> io::Result<()> {
    let host = match address.host.as_str() {
        "" | "0.0.0.0" | "::" => "127.0.0.1",
        host => host,
    };
    let target = (host, address.port).to_socket_addrs()?.next();
    let target = target.ok_or_else(|| io::Error::other(format!("{host} has no address")))?;
    let mut stream = TcpStream::connect_timeout(&target, TIMEOUT)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    let mut answer = Vec::new();
    stream.write_all(REQUEST)?;
    // A server that closes in the middle may have said enough.
    let read = stream.take(MOST).read_to_end(&mut answer);
    if answer.is_empty() {
        read?;
    }
    if answer.starts_with(b"HTTP/1.1 200 ") || answer.starts_with(&ALERT) {
        Ok(())
    } else {
        let line = answer.split(|byte| *byte == b'\r').next().unwrap_or_default();
        Err(io::Error::other(String::from_utf8_lossy(line).into_owned()))
    }
}

//! `<agent> healthcheck`: asks the running agent's `/-/healthy`, for images without a shell.

use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Arg, Command};

use crate::cli::{CommonDefaults, ListenAddress, parse_listen};
use crate::entry::{EXIT_RUN, EXIT_USAGE, complain};

const TIMEOUT: Duration = Duration::from_secs(3);
const ADDRESS: &str = "web.listen-address";

pub(crate) fn run(
    agent: &'static str,
    arguments: impl Iterator<Item = OsString>,
    defaults: &CommonDefaults,
) -> ExitCode {
    let address = Arg::new(ADDRESS).long(ADDRESS).value_name("ADDRESS:PORT");
    let command = Command::new("healthcheck")
        .about(format!("Exits with 0 when the running {agent} answers"))
        .arg(address.help("The address the agent was told to listen on"));
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

fn ask(address: &ListenAddress) -> io::Result<()> {
    let host = match address.host.as_str() {
        "" | "0.0.0.0" | "::" => "127.0.0.1",
        host => host,
    };
    let target = (host, address.port).to_socket_addrs()?.next();
    let target = target.ok_or_else(|| io::Error::other(format!("{host} has no address")))?;
    let mut stream = TcpStream::connect_timeout(&target, TIMEOUT)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.write_all(b"GET /-/healthy HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut answer = Vec::new();
    stream.take(4096).read_to_end(&mut answer)?;
    if answer.starts_with(b"HTTP/1.1 200 ") {
        Ok(())
    } else {
        let line = answer.split(|byte| *byte == b'\r').next().unwrap_or_default();
        Err(io::Error::other(String::from_utf8_lossy(line).into_owned()))
    }
}

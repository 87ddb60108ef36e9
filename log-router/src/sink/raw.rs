//! `raw://`: lines in the form of `RAW_FORMAT`, over UDP and TCP, and nothing around them.

use agent_core::entry::Environment;
use agent_core::error::ConfigError;

use super::Built;
use super::connection::Address;
use super::syslog::{Frames, Framing, TcpSink, UdpSink, address};
use crate::route::Route;
use crate::template::Template;

/// logspout's default.
const FORMAT: &str = "{{.Data}}\n";

/// What the environment says to raw outputs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    template: Template,
}

impl Settings {
    /// Reads `RAW_FORMAT`.
    pub fn from_environment(environment: &Environment) -> Result<Self, ConfigError> {
        let format = environment.get("RAW_FORMAT").filter(|format| !format.is_empty()).unwrap_or(FORMAT);
        Ok(Self { template: Template::parse("RAW_FORMAT", format)? })
    }
}

/// `raw://`, `raw+udp://` and `udp://`.
pub fn udp(route: &Route, settings: &super::Settings) -> Built {
    Ok(Box::new(UdpSink::new(address(route), frames(settings))))
}

/// `raw+tcp://` and `tcp://`.
pub fn tcp(route: &Route, settings: &super::Settings) -> Built {
    let (host, port) = address(route);
    let address = Address { host, port, tls: None };
    Ok(Box::new(TcpSink::new(address, frames(settings), Framing::None, settings.resend_bytes)))
}

fn frames(settings: &super::Settings) -> Frames {
    Frames::Raw(settings.raw.template.clone(), settings.identity.clone())
}

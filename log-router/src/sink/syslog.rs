//! `syslog://`: RFC 3164 and RFC 5424 over UDP and TCP.

pub mod format;
mod frames;
mod tcp;
mod udp;
mod window;

use agent_core::entry::Environment;
use agent_core::error::{ConfigError, ConfigErrors};
use agent_core::identity::SharedIdentity;

use self::format::{Format, Header, Parts};
pub(super) use self::frames::Frames;
pub(super) use self::tcp::{Framing, TcpSink};
pub(super) use self::udp::UdpSink;
use super::Built;
use super::connection::Address;
use super::tls::Tls;
use crate::route::Route;
use crate::template::Template;

/// Parameters in URIs.
pub const OPTIONS: &[&str] = &["append_tag", "structured_data", "time_digits"];

/// The port where the URI has none (RFC 5426 and 6587).
const DEFAULT_PORT: u16 = 514;
/// RFC 5425.
const DEFAULT_TLS_PORT: u16 = 6514;

/// What the environment says to syslog outputs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    format: Format,
    framing: Framing,
    parts: Parts,
    /// `--compat`.
    compat: bool,
}

impl Settings {
    /// Reads `SYSLOG_*`.
    pub fn from_environment(environment: &Environment) -> Result<Self, ConfigErrors> {
        let mut errors = ConfigErrors::new();
        let set = |name| environment.get(name).filter(|value| !value.is_empty());
        let format = errors.take(match set("SYSLOG_FORMAT") {
            None | Some("rfc5424") => Ok(Format::Rfc5424),
            Some("rfc3164") => Ok(Format::Rfc3164),
            Some(other) => Err(ConfigError::new(
                "SYSLOG_FORMAT",
                other,
                "is not a syslog format",
                "give rfc5424 (the default) or rfc3164",
            )),
        });
        let framing = errors.take(match set("SYSLOG_TCP_FRAMING") {
            None | Some("traditional") => Ok(Framing::Traditional),
            Some("octet-counted") => Ok(Framing::OctetCounted),
            Some(other) => Err(ConfigError::new(
                "SYSLOG_TCP_FRAMING",
                other,
                "is not a framing",
                "give traditional (the default) or octet-counted",
            )),
        });
        let mut template = |name| errors.take(Template::parse(name, set(name)?));
        let parts = Parts {
            priority: template("SYSLOG_PRIORITY"),
            timestamp: template("SYSLOG_TIMESTAMP"),
            hostname: template("SYSLOG_HOSTNAME"),
            tag: template("SYSLOG_TAG"),
            pid: template("SYSLOG_PID"),
            structured_data: template("SYSLOG_STRUCTURED_DATA"),
            data: template("SYSLOG_DATA"),
        };
        let settings =
            format.zip(framing).map(|(format, framing)| Self { format, framing, parts, compat: false });
        errors.finish(settings)
    }

    /// For `--compat`: `host_hostname`, the content of `/etc/host_hostname`, goes before `SYSLOG_HOSTNAME`.
    pub fn with_compat(mut self, host_hostname: Option<&str>) -> Result<Self, ConfigError> {
        self.compat = true;
        if let Some(name) = host_hostname {
            self.parts.hostname = Some(Template::parse("/etc/host_hostname", name)?);
        }
        Ok(self)
    }
}

/// `syslog://` and `syslog+udp://`.
pub fn udp(route: &Route, settings: &super::Settings) -> Built {
    Ok(Box::new(UdpSink::new(address(route), Frames::Syslog(header(route, settings)?))))
}

/// `syslog+tcp://`.
pub fn tcp(route: &Route, settings: &super::Settings) -> Built {
    stream(route, settings, None, DEFAULT_PORT)
}

/// `syslog+tls://`.
pub fn tls(route: &Route, settings: &super::Settings) -> Built {
    stream(route, settings, Some(settings.tls.clone()), DEFAULT_TLS_PORT)
}

fn stream(route: &Route, settings: &super::Settings, tls: Option<Tls>, default_port: u16) -> Built {
    let address = Address { host: route.host.clone(), port: route.port.unwrap_or(default_port), tls };
    let (frames, framing) = (Frames::Syslog(header(route, settings)?), settings.syslog.framing);
    Ok(Box::new(TcpSink::new(address, frames, framing, settings.resend_bytes)))
}

/// Host and port of a route.
pub(super) fn address(route: &Route) -> (String, u16) {
    (route.host.clone(), route.port.unwrap_or(DEFAULT_PORT))
}

fn header(route: &Route, settings: &super::Settings) -> Result<Header, ConfigError> {
    let syslog = &settings.syslog;
    let mut parts = syslog.parts.clone();
    if let Some(data) = route.option("structured_data").filter(|data| !data.is_empty()) {
        parts.structured_data = Some(Template::parse("structured_data", data)?);
    }
    let append_tag = route.option("append_tag").unwrap_or_default();
    if append_tag.contains("{{") && parts.tag.is_none() {
        parts.tag = Some(Template::parse("append_tag", &format!("{{{{.ContainerName}}}}{append_tag}"))?);
    }
    let time_digits = match route.option("time_digits") {
        None if syslog.compat => 0,
        None => syslog.format.time_digits(),
        Some("0") => 0,
        Some("3") => 3,
        Some("6") => 6,
        Some("9") => 9,
        Some(_) => {
            let expected = "give time_digits=0, 3, 6 or 9";
            return Err(ConfigError::new("route", route.to_string(), "has bad time_digits", expected));
        }
    };
    Ok(Header {
        format: syslog.format,
        identity: SharedIdentity::clone(&settings.identity),
        parts,
        append_tag: append_tag.to_owned(),
        time_digits,
        compat: syslog.compat,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_is_checked_all_at_once() {
        let settings = |pairs: &[(&str, &str)]| Settings::from_environment(&pairs.iter().copied().collect());
        assert_eq!(settings(&[]).unwrap().format, Format::Rfc5424);
        assert_eq!(settings(&[("SYSLOG_FORMAT", "rfc3164")]).unwrap().format, Format::Rfc3164);
        let text = settings(&[
            ("SYSLOG_FORMAT", "bsd"),
            ("SYSLOG_TCP_FRAMING", "newline"),
            ("SYSLOG_HOSTNAME", "{{.Container.Config.Hostnam}}"),
        ])
        .unwrap_err()
        .to_string();
        assert_eq!(text.lines().count(), 3, "{text}");
        assert!(text.contains("SYSLOG_FORMAT: `bsd`") && text.contains("rfc3164"), "{text}");
        assert!(
            text.contains("SYSLOG_HOSTNAME: `{{.Container.Config.Hostnam}}` is not a template at position 3")
        );
    }
}

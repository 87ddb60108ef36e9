//! `syslog://`: RFC 3164 and RFC 5424 over UDP and TCP.

pub mod format;
mod tcp;
mod udp;
mod window;

use agent_core::entry::Environment;
use agent_core::error::{ConfigError, ConfigErrors};
use agent_core::identity::SharedIdentity;

use self::format::{Format, Header};
use self::tcp::{Framing, TcpSink};
use self::udp::UdpSink;
use super::Built;
use super::connection::Address;
use super::tls::Tls;
use crate::route::Route;

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
    /// `SYSLOG_HOSTNAME`.
    hostname: Option<String>,
    structured_data: Option<String>,
}

impl Settings {
    /// Reads `SYSLOG_FORMAT`, `SYSLOG_TCP_FRAMING`, `SYSLOG_HOSTNAME` and `SYSLOG_STRUCTURED_DATA`.
    pub fn from_environment(environment: &Environment) -> Result<Self, ConfigErrors> {
        let mut errors = ConfigErrors::new();
        let format = errors.take(match environment.get("SYSLOG_FORMAT") {
            None | Some("rfc5424") => Ok(Format::Rfc5424),
            Some("rfc3164") => Ok(Format::Rfc3164),
            Some(other) => Err(ConfigError::new(
                "SYSLOG_FORMAT",
                other,
                "is not a syslog format",
                "give rfc5424 (the default) or rfc3164",
            )),
        });
        let framing = errors.take(match environment.get("SYSLOG_TCP_FRAMING") {
            None | Some("traditional") => Ok(Framing::Traditional),
            Some("octet-counted") => Ok(Framing::OctetCounted),
            Some(other) => Err(ConfigError::new(
                "SYSLOG_TCP_FRAMING",
                other,
                "is not a framing",
                "give traditional (the default) or octet-counted",
            )),
        });
        let fixed = |name| {
            let value = environment.get(name)?;
            if value.contains("{{") {
                errors.push(ConfigError::new(
                    name,
                    value,
                    "is a template, which this version does not know",
                    "give a fixed text or leave it out",
                ));
            }
            Some(value.to_owned())
        };
        let [hostname, structured_data] = ["SYSLOG_HOSTNAME", "SYSLOG_STRUCTURED_DATA"].map(fixed);
        let settings =
            format.zip(framing).map(|(format, framing)| Self { format, framing, hostname, structured_data });
        errors.finish(settings)
    }
}

/// `syslog://` and `syslog+udp://`.
pub fn udp(route: &Route, settings: &super::Settings) -> Built {
    Ok(Box::new(UdpSink::new(address(route), header(route, settings)?)))
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
    let (header, framing) = (header(route, settings)?, settings.syslog.framing);
    Ok(Box::new(TcpSink::new(address, header, framing, settings.resend_bytes)))
}

fn address(route: &Route) -> (String, u16) {
    (route.host.clone(), route.port.unwrap_or(DEFAULT_PORT))
}

fn header(route: &Route, settings: &super::Settings) -> Result<Header, ConfigError> {
    let syslog = &settings.syslog;
    let structured_data = route.option("structured_data").or(syslog.structured_data.as_deref());
    let time_digits = match route.option("time_digits") {
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
        hostname: syslog.hostname.clone(),
        identity: SharedIdentity::clone(&settings.identity),
        append_tag: route.option("append_tag").unwrap_or_default().to_owned(),
        structured_data: structured_data.map_or_else(|| "-".to_owned(), |data| format!("[{data}]")),
        time_digits,
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
            ("SYSLOG_HOSTNAME", "{{.Container.Config.Hostname}}"),
        ])
        .unwrap_err()
        .to_string();
        assert_eq!(text.lines().count(), 3, "{text}");
        assert!(text.contains("SYSLOG_FORMAT: `bsd`") && text.contains("rfc3164"), "{text}");
    }
}

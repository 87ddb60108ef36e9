//! Where lines go. [`SCHEMES`] is the one list of all outputs.

mod connection;
pub mod elasticsearch;
mod link;
mod lumberjack;
mod probe;
pub mod raw;
pub mod syslog;
pub mod tls;

use std::fmt;
use std::path::PathBuf;
use std::pin::Pin;
use std::time::Duration;

use agent_core::error::ConfigError;
use agent_core::identity::SharedIdentity;

pub use self::link::{Link, Patience};
pub use self::probe::{Probe, probe};
use crate::record::Batch;
use crate::route::Route;

/// Takes lines to a receiver.
pub trait Sink: Send + fmt::Debug {
    /// How long lines may wait for others to go with.
    fn linger(&self) -> Duration;

    /// Delivers all lines in their order; comes back when the receiver has them, however long that takes. Failed
    /// attempts are told to the link, which waits. Dropping the future gives up.
    fn deliver<'a>(&'a mut self, batch: &'a Batch, link: &'a mut Link) -> Delivery<'a>;

    /// Looks after the connection while there is nothing to deliver; need not come back. May be dropped at any time.
    fn idle<'a>(&'a mut self, _link: &'a mut Link) -> Delivery<'a> {
        Box::pin(std::future::pending())
    }
}

/// A delivery under way.
pub type Delivery<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// What the command line and the environment say to all sinks.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `SYSLOG_FORMAT` and its like.
    pub syslog: syslog::Settings,
    /// `LOGSPOUT_TLS_*`.
    pub tls: tls::Tls,
    /// `--tcp.resend-window`, in bytes.
    pub resend_bytes: usize,
    /// `RAW_FORMAT`.
    pub raw: raw::Settings,
    /// `--elasticsearch.*`.
    pub elasticsearch: elasticsearch::Settings,
    /// Which node this is.
    pub identity: SharedIdentity,
    /// Where lines go that a sink can never take.
    pub dead_letters: Option<PathBuf>,
}

/// A sink, or what is wrong with the route.
pub type Built = Result<Box<dyn Sink>, ConfigError>;

/// One kind of output.
#[derive(Debug)]
pub struct Scheme {
    /// What stands before `://`.
    pub name: &'static str,
    /// Parameters beside `filter.*`.
    pub options: &'static [&'static str],
    /// Makes the sink; does no IO.
    pub build: fn(&Route, &Settings) -> Built,
}

/// All outputs.
pub const SCHEMES: &[Scheme] = &[
    Scheme { name: "syslog", options: syslog::OPTIONS, build: syslog::udp },
    Scheme { name: "syslog+udp", options: syslog::OPTIONS, build: syslog::udp },
    Scheme { name: "syslog+tcp", options: syslog::OPTIONS, build: syslog::tcp },
    Scheme { name: "syslog+tls", options: syslog::OPTIONS, build: syslog::tls },
    Scheme { name: "raw", options: &[], build: raw::udp },
    Scheme { name: "raw+udp", options: &[], build: raw::udp },
    Scheme { name: "raw+tcp", options: &[], build: raw::tcp },
    Scheme { name: "udp", options: &[], build: raw::udp },
    Scheme { name: "tcp", options: &[], build: raw::tcp },
    Scheme { name: "lumberjack", options: &[], build: lumberjack::plain },
    Scheme { name: "lumberjack+tls", options: &[], build: lumberjack::tls },
    Scheme { name: "elasticsearch", options: elasticsearch::OPTIONS, build: elasticsearch::http },
    Scheme { name: "elasticsearch+tls", options: elasticsearch::OPTIONS, build: elasticsearch::https },
];

/// The names of all outputs, for messages.
pub fn scheme_names() -> String {
    SCHEMES.iter().map(|scheme| scheme.name).collect::<Vec<_>>().join(", ")
}

/// What receivers answer to so many lines.
#[cfg(fuzzing)]
pub fn fuzz(bytes: &[u8], lines: usize) {
    elasticsearch::fuzz(bytes, lines);
    lumberjack::fuzz(bytes, lines);
}

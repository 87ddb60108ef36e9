//! What one line becomes on its way to a receiver: a syslog message, or whatever `RAW_FORMAT` says.

use agent_core::identity::SharedIdentity;

use super::format::{Header, Prepared};
use crate::container::Container;
use crate::record::Line;
use crate::template::{Template, View};

/// The form of messages on one route.
#[derive(Debug, Clone)]
pub(in crate::sink) enum Frames {
    /// `syslog://`.
    Syslog(Header),
    /// `raw://`: the template makes all of it, its end included.
    Raw(Template, SharedIdentity),
}

impl Frames {
    /// Renders a container's part once for many lines.
    pub(super) fn prepare(&self, container: &Container) -> Option<Prepared> {
        match self {
            Self::Syslog(header) => Some(header.prepare(container)),
            Self::Raw(..) => None,
        }
    }

    /// Appends a message, without what ends it on a stream.
    pub(super) fn write(&self, line: &Line<'_>, prepared: Option<&Prepared>, out: &mut Vec<u8>) {
        match self {
            Self::Syslog(header) => {
                if let Some(prepared) = prepared {
                    header.write(line, prepared, out);
                }
            }
            Self::Raw(template, identity) => {
                let identity = identity.get();
                let own_name = identity.node_name.as_deref().unwrap_or_default();
                template.render(&View::of(line, own_name, 9), out);
            }
        }
    }

    /// Whether a datagram ends with a newline, too.
    pub(super) fn ends_datagrams(&self) -> bool {
        matches!(self, Self::Syslog(header) if header.compat)
    }
}

//! Conversations over D-Bus with systemd's daemons, for what no kernel file tells.
//!
//! Each scrape has a connection and a runtime of its own: between scrapes nothing is open, runs or takes memory, and a
//! bus that was restarted is no special case.

#[cfg(test)]
pub(crate) mod fake;

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use agent_core::collector::CollectError;
use futures_util::StreamExt;
use tokio::net::UnixStream;
use tokio::runtime::{Builder as RuntimeBuilder, Runtime};
use tokio::time::timeout;
use zbus::connection::Builder;
use zbus::message::{Body, Flags};
use zbus::{Connection, Message, MessageStream, Variant, fdo};

use crate::host::Roots;

/// How long an answer may take; a scrape as a whole has ten seconds as a rule.
const DEADLINE: Duration = Duration::from_secs(5);
/// Calls under way at the same time; dbus-daemon gives up on a connection that waits for more than 128 answers.
const AT_ONCE: usize = 64;
const SOCKET: &str = "run/dbus/system_bus_socket";

/// The address of the system bus, where the environment has one.
pub fn address() -> Option<String> {
    std::env::var("DBUS_SYSTEM_BUS_ADDRESS").ok().filter(|address| !address.is_empty())
}

/// Where to reach the bus; the first place that answers is taken.
#[derive(Debug, Clone)]
pub struct Bus {
    places: Vec<Place>,
    deadline: Duration,
}

#[derive(Debug, Clone)]
enum Place {
    /// A D-Bus address, as `DBUS_SYSTEM_BUS_ADDRESS` has it.
    Address(String),
    /// The bus's socket.
    Socket(PathBuf),
}

impl Bus {
    /// The system bus: at `address` where one is given, else the host's below `rootfs`, else our own.
    pub fn system(roots: &Roots, address: Option<&str>) -> Self {
        let places = match address {
            Some(address) => vec![Place::Address(address.to_owned())],
            None => sockets(roots).map(Place::Socket).collect(),
        };
        Self { places, deadline: DEADLINE }
    }

    /// Connects. A socket that is not there is [`CollectError::NoData`].
    pub fn connect(&self) -> Result<Conversation, CollectError> {
        let runtime = RuntimeBuilder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|e| CollectError::Other(format!("no runtime for D-Bus: {e}")))?;
        let mut first = None;
        for place in &self.places {
            // The timer needs the runtime that it runs on.
            let opened = runtime.block_on(async { timeout(self.deadline, place.open()).await });
            match opened.unwrap_or_else(|_| Err(place.failed(&io::ErrorKind::TimedOut.into()))) {
                Ok((stream, connection)) => {
                    return Ok(Conversation { stream, connection, runtime, deadline: self.deadline });
                }
                // What the best place says is what the user can act upon.
                Err(error) => first = first.or(Some(error)),
            }
        }
        Err(first.unwrap_or_else(|| CollectError::NoData("no system bus".to_owned())))
    }
}

/// The socket below the host's root, then in our own where that is another one: users mount only the socket, too.
fn sockets(roots: &Roots) -> impl Iterator<Item = PathBuf> {
    let own = (roots.rootfs != Path::new("/")).then(|| Path::new("/").join(SOCKET));
    std::iter::once(roots.rootfs.join(SOCKET)).chain(own)
}

impl Place {
    async fn open(&self) -> Result<(MessageStream, Connection), CollectError> {
        let builder = match self {
            Self::Address(address) => Builder::address(address.as_str()),
            Self::Socket(path) => {
                let stream = UnixStream::connect(path).await.and_then(UnixStream::into_std);
                Builder::unix_stream(stream.map_err(|error| self.failed(&error))?)
            }
        };
        let connection = builder.build().await.map_err(|error| match &error {
            zbus::Error::InputOutput(source) | zbus::Error::Connection(source, _) => self.failed(source),
            _ => CollectError::Other(format!("D-Bus at {}: {error}", self.name())),
        })?;
        Ok((MessageStream::from(&connection), connection))
    }

    fn failed(&self, error: &io::Error) -> CollectError {
        let name = self.name();
        match error.kind() {
            io::ErrorKind::NotFound => CollectError::NoData(format!(
                "no D-Bus at {name}: mount the host's /run/dbus, or set DBUS_SYSTEM_BUS_ADDRESS"
            )),
            _ => CollectError::Other(format!("D-Bus at {name}: {error}")),
        }
    }

    fn name(&self) -> String {
        match self {
            Self::Address(address) => address.clone(),
            Self::Socket(path) => path.display().to_string(),
        }
    }
}

/// A call of an object of a service.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// The service's name on the bus.
    pub service: &'a str,
    /// The object.
    pub path: &'a str,
    /// The interface.
    pub interface: &'a str,
    /// What is asked of it.
    pub member: Member<'a>,
}

/// What can be asked of an object.
#[derive(Debug, Clone, Copy)]
pub enum Member<'a> {
    /// A method without arguments.
    Method(&'a str),
    /// The value of a property.
    Property(&'a str),
}

impl Call<'_> {
    fn message(&self) -> zbus::Result<Message> {
        let (interface, member) = match self.member {
            Member::Method(name) => (self.interface, name),
            Member::Property(_) => ("org.freedesktop.DBus.Properties", "Get"),
        };
        // Who only looks starts nothing.
        let call = Message::method_call(self.path, member)
            .destination(self.service)
            .interface(interface)
            .with_flags(Flags::NO_AUTO_START);
        match self.member {
            Member::Method(_) => call.build(&()),
            Member::Property(name) => call.build(&(self.interface, name)),
        }
    }
}

/// An open connection.
#[derive(Debug)]
pub struct Conversation {
    // Dropped in this order.
    stream: MessageStream,
    connection: Connection,
    runtime: Runtime,
    deadline: Duration,
}

impl Conversation {
    /// Makes all calls and waits for all answers, which come in the order of the calls.
    ///
    /// A call that is refused is an answer; a connection that breaks or is silent for too long ends the conversation.
    pub fn ask(&mut self, calls: &[Call<'_>]) -> Result<Vec<Answer>, CollectError> {
        let mut answers = Vec::with_capacity(calls.len());
        for calls in calls.chunks(AT_ONCE) {
            let messages = calls.iter().map(Call::message).collect::<Result<Vec<_>, _>>();
            let messages = messages.map_err(|e| CollectError::Other(format!("D-Bus call: {e}")))?;
            let exchange = exchange(&self.connection, &mut self.stream, &messages);
            let result = self.runtime.block_on(async { timeout(self.deadline, exchange).await });
            let batch = match result {
                Ok(batch) => batch.map_err(|e| CollectError::Other(format!("D-Bus: {e}")))?,
                Err(_) => {
                    return Err(CollectError::Other(format!("D-Bus: no answer in {:?}", self.deadline)));
                }
            };
            answers.extend(batch.into_iter().map(Answer));
        }
        Ok(answers)
    }
}

async fn exchange(
    connection: &Connection,
    stream: &mut MessageStream,
    calls: &[Message],
) -> zbus::Result<Vec<zbus::Result<Message>>> {
    let places: HashMap<_, _> =
        calls.iter().enumerate().map(|(place, call)| (call.primary_header().serial_num(), place)).collect();
    let mut answers: Vec<_> = calls.iter().map(|_| Err(zbus::Error::InvalidReply)).collect();
    connection.send_all(calls).await?;
    let mut missing = calls.len();
    while missing > 0 {
        let Some(message) = stream.next().await else {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        };
        let message = message?;
        let place = message.header().reply_serial().and_then(|serial| places.get(&serial));
        if let Some(answer) = place.and_then(|place| answers.get_mut(*place)) {
            *answer = match message.message_type() {
                zbus::message::Type::Error => Err(message.into()),
                _ => Ok(message),
            };
            missing -= 1;
        }
    }
    Ok(answers)
}

/// What a service answered.
#[derive(Debug)]
pub struct Answer(zbus::Result<Message>);

/// The value of a property.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Property {
    /// Text.
    Text(String),
    /// A whole number.
    Number(u64),
    /// Yes or no.
    Flag(bool),
}

impl Answer {
    /// The answer of a method; a service that is not on the bus is [`CollectError::NoData`].
    pub fn body(&self, service: &str) -> Result<Body, CollectError> {
        match &self.0 {
            Ok(message) => Ok(message.body()),
            Err(zbus::Error::FDO(error))
                if matches!(**error, fdo::Error::ServiceUnknown(_) | fdo::Error::NameHasNoOwner(_)) =>
            {
                Err(CollectError::NoData(format!("{service} is not on the bus")))
            }
            Err(error) => Err(CollectError::Other(format!("{service}: {error}"))),
        }
    }

    /// The value of a property; `None` where the object or the property is not there or of another type.
    pub fn property(&self) -> Option<Property> {
        parse_property(&self.0.as_ref().ok()?.body())
    }

    /// The same of a text.
    pub fn text(&self) -> Option<String> {
        if let Some(Property::Text(text)) = self.property() { Some(text) } else { None }
    }

    /// The same of a number.
    pub fn number(&self) -> Option<u64> {
        if let Some(Property::Number(number)) = self.property() { Some(number) } else { None }
    }
}

fn parse_property(body: &Body) -> Option<Property> {
    match body.deserialize::<Variant<'_>>().ok()? {
        Variant::Str(text) => Some(Property::Text(text.as_str().to_owned())),
        Variant::U32(number) => Some(Property::Number(number.into())),
        Variant::U64(number) => Some(Property::Number(number)),
        Variant::Bool(flag) => Some(Property::Flag(flag)),
        _ => None,
    }
}

#[cfg(test)]
mod tests;

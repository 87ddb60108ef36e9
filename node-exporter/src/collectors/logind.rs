//! `logind`: sessions of users, counted by what they are.

use std::collections::BTreeMap;

use agent_core::collector::{CollectError, Collector};
use agent_core::exposition::{Exposition, Kind};
use zbus::ObjectPath;
use zbus::message::Body;

use super::Build;
use crate::bus::{Answer, Bus, Call, Member, Property};

const SERVICE: &str = "org.freedesktop.login1";
const MANAGER: Call<'_> = Call {
    service: SERVICE,
    path: "/org/freedesktop/login1",
    interface: "org.freedesktop.login1.Manager",
    member: Member::Method(""),
};
const SESSION_PROPERTIES: [&str; 3] = ["Remote", "Type", "Class"];

const REMOTE: [&str; 2] = ["true", "false"];
/// The values that have a series each; any other counts as the first.
const TYPES: [&str; 7] = ["other", "unspecified", "tty", "x11", "wayland", "mir", "web"];
const CLASSES: [&str; 5] = ["other", "user", "greeter", "lock-screen", "background"];

/// `address` is that of the system bus, where it is not the usual one.
pub(super) fn build(address: Option<String>) -> Build {
    Build::new(move |host| Logind { bus: Bus::system(&host.roots, address.as_deref()) })
}

#[derive(Debug)]
struct Logind {
    bus: Bus,
}

/// A session as `ListSessions` tells it.
#[derive(Debug, PartialEq, Eq)]
struct Session {
    path: String,
    seat: String,
}

/// The labels of a session: `seat`, `remote`, `type`, `class`.
type Labels = (String, &'static str, &'static str, &'static str);

impl Collector for Logind {
    fn collect(&mut self, out: &mut Exposition<'_>) -> Result<(), CollectError> {
        let mut logind = self.bus.connect()?;
        let list = |name| Call { member: Member::Method(name), ..MANAGER };
        let answers = logind.ask(&[list("ListSeats"), list("ListSessions")])?;
        let [seats, sessions] = answers.as_slice() else { return Ok(()) };
        let seats = parse_seats(&seats.body(SERVICE)?)?;
        let sessions = parse_sessions(&sessions.body(SERVICE)?)?;
        let calls: Vec<_> = sessions.iter().flat_map(properties).collect();
        let answers = logind.ask(&calls)?;
        let mut counts = BTreeMap::<Labels, u64>::new();
        for (session, answers) in sessions.iter().zip(answers.chunks(SESSION_PROPERTIES.len())) {
            if let Some((remote, kind, class)) = parse_session(answers) {
                *counts.entry((session.seat.clone(), remote, kind, class)).or_default() += 1;
            }
        }
        write(out, &seats, &counts);
        Ok(())
    }
}

fn properties(session: &Session) -> [Call<'_>; 3] {
    SESSION_PROPERTIES.map(|name| Call {
        service: SERVICE,
        path: &session.path,
        interface: "org.freedesktop.login1.Session",
        member: Member::Property(name),
    })
}

/// The names of the seats, and the empty one of sessions that sit nowhere (SSH).
fn parse_seats(body: &Body) -> Result<Vec<String>, CollectError> {
    let rows: Vec<(&str, ObjectPath<'_>)> = body.deserialize().map_err(|e| unreadable("ListSeats", &e))?;
    Ok(rows.into_iter().map(|(name, _)| name.to_owned()).chain([String::new()]).collect())
}

fn parse_sessions(body: &Body) -> Result<Vec<Session>, CollectError> {
    type Row<'b> = (&'b str, u32, &'b str, &'b str, ObjectPath<'b>);
    let rows: Vec<Row<'_>> = body.deserialize().map_err(|e| unreadable("ListSessions", &e))?;
    let session = |(_, _, _, seat, path): Row<'_>| Session { path: path.to_string(), seat: seat.to_owned() };
    Ok(rows.into_iter().map(session).collect())
}

fn unreadable(method: &str, error: &zbus::Error) -> CollectError {
    CollectError::Other(format!("{SERVICE}: {method}: {error}"))
}

/// `remote`, `type` and `class`; `None` where the session has ended meanwhile.
fn parse_session(answers: &[Answer]) -> Option<(&'static str, &'static str, &'static str)> {
    let [remote, kind, class] = answers else { return None };
    let Some(Property::Flag(remote)) = remote.property() else { return None };
    let remote = if remote { "true" } else { "false" };
    Some((remote, known(&kind.text()?, &TYPES), known(&class.text()?, &CLASSES)))
}

fn known(value: &str, values: &[&'static str]) -> &'static str {
    values.iter().find(|known| **known == value).or(values.first()).copied().unwrap_or_default()
}

fn write(out: &mut Exposition<'_>, seats: &[String], counts: &BTreeMap<Labels, u64>) {
    let mut family = out.family("node_logind_sessions", "Sessions that logind knows of.", Kind::Gauge);
    for remote in REMOTE {
        for kind in TYPES {
            for class in CLASSES {
                for seat in seats {
                    let labels = (seat.clone(), remote, kind, class);
                    let count = counts.get(&labels).copied().unwrap_or_default();
                    family.sample(
                        &[("class", class), ("remote", remote), ("seat", seat), ("type", kind)],
                        count,
                    );
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use agent_core::testing::collect;

    use super::*;
    use crate::bus::fake::FakeBus;

    const RECORDED: &str = include_str!("../../tests/fixtures/bus/logind.txt");

    fn collected(bus: &FakeBus) -> (String, Option<CollectError>) {
        collect(Logind { bus: bus.bus() })
    }

    fn total(text: &str) -> u32 {
        let samples = text.lines().filter(|line| line.starts_with("node_logind_sessions{"));
        samples.filter_map(|line| line.rsplit_once(' ')?.1.parse::<u32>().ok()).sum()
    }

    #[test]
    fn sessions_are_counted_by_what_they_are() {
        let (text, error) = collected(&FakeBus::recorded(RECORDED));
        assert!(error.is_none(), "{error:?}");
        assert_eq!(text.matches("node_logind_sessions{").count(), 2 * 2 * 7 * 5);
        for line in [
            "{class=\"user\",remote=\"false\",seat=\"seat0\",type=\"wayland\"} 1",
            "{class=\"background\",remote=\"false\",seat=\"\",type=\"unspecified\"} 2",
            "{class=\"greeter\",remote=\"false\",seat=\"\",type=\"x11\"} 1",
            // Of a class that is newer than the known ones.
            "{class=\"other\",remote=\"false\",seat=\"\",type=\"unspecified\"} 1",
            "{class=\"greeter\",remote=\"false\",seat=\"seat0\",type=\"x11\"} 0",
        ] {
            assert!(text.contains(&format!("\nnode_logind_sessions{line}\n")), "{line}\n{text}");
        }
        assert_eq!(total(&text), 5);
    }

    #[test]
    fn remote_sessions_are_told_apart_and_ended_ones_do_not_count() {
        let local = "_34 org.freedesktop.login1.Session Remote = b false";
        let remote = |line: &str| line.replace(local, &local.replace("false", "true"));
        let ended = |line: &&str| !line.contains("_31 org.freedesktop.login1.Session Class");
        let lines: Vec<_> = RECORDED.lines().filter(ended).map(remote).collect();
        let (text, error) = collected(&FakeBus::recorded(&lines.join("\n")));
        assert!(error.is_none(), "{error:?}");
        let line = "{class=\"user\",remote=\"true\",seat=\"seat0\",type=\"wayland\"} 1";
        assert!(text.contains(&format!("\nnode_logind_sessions{line}\n")), "{text}");
        assert_eq!(total(&text), 4);
    }

    #[test]
    fn a_bus_without_logind_is_no_data() {
        let (text, error) = collected(&FakeBus::recorded(""));
        assert!(matches!(error, Some(CollectError::NoData(_))), "{error:?}");
        assert_eq!(text, "");
    }
}

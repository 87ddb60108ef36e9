//! What the table of collectors is made of.

use std::fmt;

use agent_core::collector::Collector;
use agent_core::error::ConfigErrors;

use crate::events::Driven;
use crate::flags::{Flag, Given};
use crate::host::Host;

/// A collector as users see it.
#[derive(Debug)]
pub struct Spec {
    /// The name in flags, `collect[]` and labels; node_exporter's.
    pub name: &'static str,
    /// Whether it runs without being asked for.
    pub default_on: bool,
    /// What it is about, as a sentence part.
    pub about: &'static str,
    /// The files it reads; `P`, `S`, `R` and `U` stand for the four `--path.*` flags.
    pub reads: &'static str,
    /// Its flags.
    pub flags: &'static [Flag],
    /// Whether what it is about comes and goes with the kernel's events only, see [`Driven`].
    pub driven: bool,
    /// Checks its flags; the result makes the collector.
    pub build: Check,
}

impl Spec {
    /// For what comes with a driver or a device of its own.
    #[must_use]
    pub(super) const fn driven(self) -> Self {
        Self { driven: true, ..self }
    }

    /// The flag that switches it on, without dashes.
    pub fn switch(&self) -> String {
        format!("collector.{}", self.name)
    }
}

/// Checks the flags of a collector.
type Check = fn(Given<'_>) -> Result<Build, ConfigErrors>;

/// What runs without being asked for: name, what it is about, what it reads, flags, and the check of those.
pub(super) const fn on(
    name: &'static str,
    about: &'static str,
    reads: &'static str,
    flags: &'static [Flag],
    build: Check,
) -> Spec {
    Spec { name, default_on: true, about, reads, flags, driven: false, build }
}

/// What runs only where it is asked for.
pub(super) const fn off(
    name: &'static str,
    about: &'static str,
    reads: &'static str,
    flags: &'static [Flag],
    build: Check,
) -> Spec {
    Spec { default_on: false, ..on(name, about, reads, flags, build) }
}

/// Makes a collector once the host is known, and again after a panic.
pub struct Build(Box<Make>);

type Make = dyn Fn(&Host) -> Box<dyn Collector> + Send;

impl Build {
    /// From a constructor that has its settings.
    pub fn new<C: Collector + 'static>(make: impl Fn(&Host) -> C + Send + 'static) -> Self {
        Self(Box::new(move |host| Box::new(make(host))))
    }

    /// The same as [`Driven`].
    #[must_use]
    pub fn driven(self) -> Self {
        Self(Box::new(move |host| Box::new(Driven::new(self.make(host), host.events.clone()))))
    }

    /// The collector.
    pub fn make(&self, host: &Host) -> Box<dyn Collector> {
        (self.0)(host)
    }
}

impl fmt::Debug for Build {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Build")
    }
}

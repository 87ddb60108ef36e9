//! `--web.config.file`: TLS, users, headers and a rate limit, in the format of Prometheus' exporter-toolkit.
//!
//! The file and the certificates are read again when they have changed, looked for at most once a second; one that
//! became bad is reported and what was good stays in force. `/-/healthy` asks for no password and counts for no
//! limit: it only says that the process answers, and what asks it (the image's health check) has no password.

mod clients;
mod file;
mod names;
mod rate;
mod san;
mod secret;
mod tls;
mod users;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use hyper::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use rustls::ServerConfig;
use tracing::{info, warn};

use crate::error::{ConfigError, ConfigErrors};
use rate::Limiter;
use secret::Secret;
use users::Gate;

/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(1);

/// A web configuration file at work.
#[derive(Debug)]
pub struct Web {
    path: PathBuf,
    look: Duration,
    gate: Gate,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    good: Arc<Loaded>,
    stamps: Vec<Stamp>,
    looked: Instant,
    /// The errors of the file as it is now, if it is bad.
    bad: Option<ConfigErrors>,
}

/// What is in force.
#[derive(Debug)]
pub(crate) struct Loaded {
    /// `None`: plain HTTP.
    pub(crate) tls: Option<Arc<ServerConfig>>,
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    users: BTreeMap<String, Secret>,
    limiter: Option<Limiter>,
    notices: Vec<String>,
    files: Vec<PathBuf>,
}

/// What the gate says of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Admitted,
    TooMany,
    Unauthorized,
}

/// What tells that a file is another; `None` where it is not there.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Stamp(PathBuf, Option<[u64; 4]>);

impl Stamp {
    fn of(path: &Path) -> Self {
        // The time of the last status change moves with every write, replacement of a link's target and new owner.
        let marks =
            |m: fs::Metadata| [m.dev(), m.ino(), m.ctime().cast_unsigned(), m.ctime_nsec().cast_unsigned()];
        Self(path.to_owned(), fs::metadata(path).ok().map(marks))
    }
}

impl Web {
    /// Reads the file and all that it names; every error at once.
    pub fn load(path: &Path) -> Result<Self, ConfigErrors> {
        Self::load_looking(path, LOOK)
    }

    fn load_looking(path: &Path, look: Duration) -> Result<Self, ConfigErrors> {
        let stamps = vec![Stamp::of(path)];
        let good = Loaded::read(path)?;
        let state = State {
            stamps: stamps_of(&stamps, &good.files),
            good: Arc::new(good),
            looked: Instant::now(),
            bad: None,
        };
        Ok(Self { path: path.to_owned(), look, gate: Gate::new(), state: Mutex::new(state) })
    }

    /// Says at start what is on, and what is not as the original does it.
    pub(crate) fn report(&self) {
        let loaded = self.current();
        info!(
            file = %self.path.display(),
            tls = loaded.tls.is_some(),
            users = loaded.users.len(),
            "web configuration"
        );
        loaded.report_notices();
    }

    /// Whether it asks for TLS now.
    pub fn speaks_tls(&self) -> bool {
        self.current().tls.is_some()
    }

    /// What is in force now.
    pub(crate) fn current(&self) -> Arc<Loaded> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if now.saturating_duration_since(state.looked) >= self.look {
            state.looked = now;
            // A bad file may name others that are not there yet.
            if state.bad.is_some() || state.stamps.iter().any(|stamp| Stamp::of(&stamp.0) != *stamp) {
                self.reload(&mut state);
            }
        }
        Arc::clone(&state.good)
    }

    fn reload(&self, state: &mut State) {
        // Taken before reading: what changes meanwhile is seen next time.
        let stamps: Vec<_> = state.stamps.iter().map(|stamp| Stamp::of(&stamp.0)).collect();
        match Loaded::read(&self.path) {
            Ok(mut loaded) => {
                if let (Some(old), Some(new)) = (&state.good.limiter, &loaded.limiter)
                    && old.rate() == new.rate()
                {
                    loaded.limiter = Some(old.carry_on());
                }
                state.stamps = stamps_of(&stamps, &loaded.files);
                info!(file = %self.path.display(), "the web configuration was read again");
                if loaded.notices != state.good.notices {
                    loaded.report_notices();
                }
                state.good = Arc::new(loaded);
                state.bad = None;
            }
            Err(errors) => {
                state.stamps = stamps;
                if state.bad.as_ref() != Some(&errors) {
                    warn!(%errors, "the web configuration became bad; the last good one stays in force");
                    state.bad = Some(errors);
                }
            }
        }
    }

    /// Whether a request may go on.
    pub(crate) async fn judge(&self, loaded: &Loaded, path: &str, headers: &HeaderMap) -> Verdict {
        if path == super::HEALTHY {
            return Verdict::Admitted;
        }
        if loaded.limiter.as_ref().is_some_and(|limiter| !limiter.allow(Instant::now())) {
            return Verdict::TooMany;
        }
        let header = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        if loaded.users.is_empty() || self.gate.admits(&loaded.users, header).await {
            Verdict::Admitted
        } else {
            Verdict::Unauthorized
        }
    }
}

/// Stamps of the files that are named now: those that were taken already, and new ones.
fn stamps_of(taken: &[Stamp], files: &[PathBuf]) -> Vec<Stamp> {
    let stamp =
        |file: &PathBuf| taken.iter().find(|t| t.0 == *file).cloned().unwrap_or_else(|| Stamp::of(file));
    files.iter().map(stamp).collect()
}

impl Loaded {
    fn read(path: &Path) -> Result<Self, ConfigErrors> {
        let text = fs::read_to_string(path).map_err(|error| {
            let problem = format!("cannot be read ({error})");
            ConfigError::new("--web.config.file", path.display().to_string(), problem, "give a YAML file")
        })?;
        let settings = file::parse(&text, path)?;
        let mut files = vec![path.to_owned()];
        files.extend(settings.tls.iter().flat_map(|tls| tls.files().collect::<Vec<_>>()));
        Ok(Self {
            tls: settings.tls.map(|tls| tls.load()).transpose()?,
            headers: settings.headers,
            users: settings.users,
            limiter: settings.rate.map(|rate| Limiter::new(rate, Instant::now())),
            notices: settings.notices,
            files,
        })
    }

    fn report_notices(&self) {
        for notice in &self.notices {
            warn!("web configuration: {notice}");
        }
    }
}

#[cfg(test)]
mod tests;

//! Errors that end an agent: each names the flag, file or address, the value and what would be right.

use std::fmt;

use thiserror::Error;

/// One thing wrong with the command line, the environment or a configuration file.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{origin}: `{value}` {problem}; {expected}")]
pub struct ConfigError {
    /// The flag, environment variable or file and line that carries the value.
    pub origin: String,
    /// The value as it was given.
    pub value: String,
    /// What is wrong with it, as a predicate: "is not a regular expression".
    pub problem: String,
    /// What would be right, as a sentence part: "give ADDRESS:PORT, for example :9100".
    pub expected: String,
}

impl ConfigError {
    /// Puts an error together.
    pub fn new(
        origin: impl Into<String>,
        value: impl Into<String>,
        problem: impl Into<String>,
        expected: impl Into<String>,
    ) -> Self {
        Self {
            origin: origin.into(),
            value: value.into(),
            problem: problem.into(),
            expected: expected.into(),
        }
    }
}

/// All configuration errors of one start, so that a user mends them in one go.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ConfigErrors(Vec<ConfigError>);

impl ConfigErrors {
    /// No errors yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one.
    pub fn push(&mut self, error: ConfigError) {
        self.0.push(error);
    }

    /// Keeps the value of a good result and the error of a bad one.
    pub fn take<T>(&mut self, result: Result<T, ConfigError>) -> Option<T> {
        result.map_err(|error| self.push(error)).ok()
    }

    /// Adds all errors of another list.
    pub fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// The value if nothing was wrong, else all errors. A `None` without an error is a programming mistake and
    /// reported as such.
    pub fn finish<T>(mut self, value: Option<T>) -> Result<T, Self> {
        match value {
            Some(value) if self.0.is_empty() => Ok(value),
            _ => {
                if self.0.is_empty() {
                    self.push(ConfigError::new("configuration", "", "is incomplete", "please report this"));
                }
                Err(self)
            }
        }
    }
}

impl From<ConfigError> for ConfigErrors {
    fn from(error: ConfigError) -> Self {
        Self(vec![error])
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "error: {error}")?;
        }
        Ok(())
    }
}

/// What ends an agent while it runs.
#[derive(Debug, Error)]
pub enum RunError {
    /// The listen address is taken, not local or needs rights.
    #[error("cannot listen on {address} (--web.listen-address): {source}")]
    Listen {
        /// The address as it was given.
        address: String,
        /// The system's answer.
        source: std::io::Error,
    },
    /// systemd hands over no socket, or one that HTTP cannot be served on.
    #[error("cannot take sockets from systemd (--web.systemd-socket): {0}")]
    Systemd(String),
    /// Anything an agent cannot work without.
    #[error("{0}")]
    Other(String),
}

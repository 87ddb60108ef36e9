//! The process's own limits.

use rustix::process::{Resource, getrlimit, setrlimit};
use tracing::warn;

/// Raises the soft limit of open files to the hard one: engines start containers with a low soft limit, and
/// descriptors that are kept open are how the agents stay cheap.
pub(crate) fn raise_open_files() {
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current == limit.maximum {
        return;
    }
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        warn!(%error, "the soft limit of open files could not be raised");
    }
}

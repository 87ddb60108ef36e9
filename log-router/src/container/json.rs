//! A container as `docker inspect` shows it, in so far as the router knows it: never its environment.

use serde_json::{Value, json};

use super::Container;
use crate::time::Utc;

impl Container {
    /// For `/logs` and templates.
    pub fn to_json(&self) -> Value {
        let started = self.started.map(|time| {
            let mut out = Vec::new();
            Utc::from_nanos(time).write_rfc3339(9, &mut out);
            String::from_utf8_lossy(&out).into_owned()
        });
        json!({
            "Id": self.id,
            "Name": format!("/{}", self.name),
            "Config": {
                "Hostname": self.hostname,
                "Image": self.image,
                "Labels": self.labels,
                "Tty": self.terminal,
            },
            "State": {"Running": self.running, "Pid": self.pid, "StartedAt": started},
            "LogPath": self.log_path,
            "HostConfig": {"LogConfig": {"Type": self.driver}},
        })
    }
}

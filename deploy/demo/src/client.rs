//! Calls the service: mostly hello, now and then a person, one call in three a random error.

use std::time::Duration;

use hyper::{Method, StatusCode};
use tokio::time::{MissedTickBehavior, interval};

use crate::http;
use crate::roles::Failure;
use crate::say;

/// The calls, in turn.
const CALLS: [(Method, &str); 6] = [
    (Method::GET, "/demo/hello"),
    (Method::GET, "/demo/random-error"),
    (Method::PUT, "/demo/person"),
    (Method::GET, "/demo/hello?delay=80"),
    (Method::GET, "/demo/random-error"),
    (Method::GET, "/demo/person"),
];

/// Calls `rate` times a second, for ever.
pub async fn call(url: &str, rate: u32) -> Result<(), Failure> {
    let mut tick = interval(Duration::from_secs(1) / rate);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut failing = false;
    for (method, path) in CALLS.iter().cycle() {
        tick.tick().await;
        let body = if method == Method::PUT { "Sara\n" } else { "" };
        match http::send(method.clone(), &format!("{url}{path}"), body.into()).await {
            Ok((status, _)) => {
                failing = false;
                if status == StatusCode::INTERNAL_SERVER_ERROR {
                    say::line(&format!("WARN: {method} {path} answered {status}"));
                }
            }
            Err(error) => {
                if !failing {
                    say::error(&format!("ERROR: {method} {path}: {error}"));
                }
                failing = true;
            }
        }
    }
    Ok(())
}

//! A database of persons, as far as the demo needs one: the newest thousand, in memory.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::{Method, Request, Response, StatusCode};

use crate::http::{self, Body, reply};
use crate::roles::Failure;
use crate::say;

/// How many persons it remembers.
const PERSONS: usize = 1000;
/// How long a person's name may be.
const NAME_BYTES: usize = 256;

type Persons = Arc<Mutex<VecDeque<Bytes>>>;

/// Serves until an error or a signal.
pub async fn serve() -> Result<(), Failure> {
    let persons = Persons::default();
    say::line("INFO: database is ready");
    http::serve(move |request| answer(request, Arc::clone(&persons))).await
}

async fn answer(request: Request<Incoming>, persons: Persons) -> Response<Body> {
    match (request.method(), request.uri().path()) {
        (&Method::GET, "/health") => reply(StatusCode::OK, "healthy\n"),
        (&Method::GET, "/person") => {
            let persons = persons.lock().unwrap_or_else(PoisonError::into_inner);
            reply(StatusCode::OK, persons.iter().flatten().copied().collect::<Bytes>())
        }
        (&Method::PUT, "/person") => {
            let Ok(body) = Limited::new(request.into_body(), NAME_BYTES).collect().await else {
                return reply(StatusCode::BAD_REQUEST, "a name has at most 256 bytes\n");
            };
            let mut persons = persons.lock().unwrap_or_else(PoisonError::into_inner);
            if persons.len() == PERSONS {
                persons.pop_front();
            }
            persons.push_back(body.to_bytes());
            reply(StatusCode::CREATED, "stored\n")
        }
        _ => reply(StatusCode::NOT_FOUND, "not found\n"),
    }
}

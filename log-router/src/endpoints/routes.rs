//! `/routes`: which routes there are, and more or fewer of them.

use agent_core::server::{Body, reply};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::{Method, Request, Response, StatusCode};
use serde::Serialize;

use super::{TEXT, not_allowed, not_found};
use crate::route::spec::Spec;
use crate::router::Router;

const JSON: &str = "application/json";
/// A route is some hundred bytes.
const LONGEST_BODY: usize = 64 * 1024;

/// `GET` and `POST /routes`.
pub async fn all(router: Router, request: Request<Incoming>) -> Response<Body> {
    match *request.method() {
        Method::GET | Method::HEAD => reply(StatusCode::OK, JSON, pretty(&router.list().await)),
        Method::POST => {
            let body = Limited::new(request.into_body(), LONGEST_BODY).collect().await;
            match body {
                Ok(body) => add(&router, &body.to_bytes()).await,
                Err(error) => bad("request", &error.to_string()),
            }
        }
        _ => not_allowed(),
    }
}

async fn add(router: &Router, body: &[u8]) -> Response<Body> {
    let spec: Spec = match serde_json::from_slice(body) {
        Ok(spec) => spec,
        Err(error) => return bad("request", &error.to_string()),
    };
    match router.add(spec).await {
        Ok(spec) => reply(StatusCode::CREATED, JSON, pretty(&spec.shown())),
        Err(problem) => bad("route", &problem),
    }
}

/// `GET` and `DELETE /routes/<id>`.
pub async fn one(router: Router, request: Request<Incoming>) -> Response<Body> {
    let id = request.uri().path().trim_start_matches("/routes/");
    match *request.method() {
        Method::GET | Method::HEAD => match router.get(id).await {
            Some(spec) => reply(StatusCode::OK, JSON, pretty(&spec)),
            None => not_found(),
        },
        Method::DELETE if router.remove(id).await => reply(StatusCode::OK, TEXT, ""),
        Method::DELETE => not_found(),
        _ => not_allowed(),
    }
}

fn bad(what: &str, problem: &str) -> Response<Body> {
    reply(StatusCode::BAD_REQUEST, TEXT, format!("Bad {what}: {problem}\n"))
}

fn pretty(value: &impl Serialize) -> Vec<u8> {
    let mut text = serde_json::to_vec_pretty(value).unwrap_or_default();
    text.push(b'\n');
    text
}

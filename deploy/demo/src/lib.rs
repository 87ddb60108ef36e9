//! A service after the book's go-demo with its database and client, and services that misbehave on purpose, so that
//! boards, annotations and alerts have something to show. One role is one file; [`roles`] lists them.

pub mod api;
pub mod burn;
pub mod client;
pub mod crash;
pub mod db;
pub mod eat_memory;
pub mod http;
pub mod redeploy;
pub mod response_times;
pub mod roles;
pub mod say;
pub mod sick;
pub mod traces;

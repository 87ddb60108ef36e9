//! log-router: ships the lines of a node's containers to syslog receivers and Elasticsearch, in logspout's place.
//!
//! [`agent`] puts the parts together: the engine's containers ([`inventory`]) and one [`pipeline`] for each [`route`]. In a
//! pipeline a [`reader`] takes lines from each container's [`source`]; as [`record::Batch`]es they take one of
//! the [`lanes`], through memory or the [`spool`] on disk, to the [`delivery`], which has a [`sink`] take them to the receiver and then notes the [`position`].

pub mod agent;
pub mod config;
pub mod container;
pub mod delivery;
pub mod doctor;
pub mod endpoints;
pub mod inventory;
pub mod lanes;
pub mod listen;
pub mod meaning;
pub mod metrics;
pub mod pipeline;
pub mod position;
pub mod priority;
pub mod reader;
pub mod record;
pub mod route;
pub mod router;
pub mod sink;
pub mod source;
pub mod spool;
pub mod template;
pub mod time;

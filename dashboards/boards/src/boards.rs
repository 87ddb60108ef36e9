//! All boards, one file each.

pub mod agents;
pub mod containers;
pub mod home;
pub mod logs;
pub mod network;
pub mod node;
pub mod nodes;
pub mod reservations;
pub mod services;
pub mod swarm;

use crate::board::Board;

/// All of them, in the order of [`crate::link::ALL`].
pub fn all() -> Vec<Board> {
    vec![
        home::board(),
        nodes::board(),
        node::board(),
        services::board(),
        containers::board(),
        network::board(),
        logs::board(),
        swarm::board(),
        reservations::board(),
        agents::board(),
    ]
}

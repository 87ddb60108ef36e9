//! What fuzz targets share.

pub mod damage;
pub mod node;

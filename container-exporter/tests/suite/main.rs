//! The exporter over recorded hosts, and its documents against its tables.

#[cfg(test)]
mod cluster;
#[cfg(test)]
mod documents;
#[cfg(test)]
mod golden;
#[cfg(test)]
mod recording;
#[cfg(test)]
mod sources;

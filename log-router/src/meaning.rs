//! What lines mean, beside their text: their severity, which of them are one event, what must not be seen in them, and
//! which of them are wanted. [`settings::LABELS`] is the one list of what a container's labels can say of it.

pub mod level;
pub mod mask;
pub mod multiline;
pub mod rate;
pub mod settings;

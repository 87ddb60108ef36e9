//! One collector, run once, outside of a scrape.

use std::sync::{Arc, Mutex, PoisonError};

use prometheus_client::registry::Registry;

use super::{CollectError, Collector};
use crate::exposition::{Exposition, Format, Source, render};

struct Once(Mutex<(Box<dyn Collector>, Result<(), CollectError>)>);

impl Source for Once {
    fn expose(&self, out: &mut Exposition<'_>) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.0.prepare();
        state.1 = state.0.collect(out);
    }
}

/// What a collector writes, and how it ends.
pub fn once(format: Format, collector: Box<dyn Collector>) -> (String, Result<(), CollectError>) {
    let source = Arc::new(Once(Mutex::new((collector, Ok(())))));
    let mut text = String::new();
    let exposed: Arc<dyn Source> = Arc::<Once>::clone(&source);
    render(&mut text, format, &[], exposed, &Registry::default());
    let mut state = source.0.lock().unwrap_or_else(PoisonError::into_inner);
    let result = std::mem::replace(&mut state.1, Ok(()));
    (text, result)
}

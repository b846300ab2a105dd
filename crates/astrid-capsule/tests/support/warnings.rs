//! What the host warns of on the thread of a test.

use std::fmt::{Debug, Write};
use std::sync::{Arc, Mutex};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::{DefaultGuard, set_default};
use tracing::{Event, Level, Metadata, Subscriber};

/// The warnings so far, for as long as the value lives: for tests whose runtime has one thread.
pub(crate) struct Warnings {
    said: Arc<Mutex<Vec<String>>>,
    _here: DefaultGuard,
}

impl Warnings {
    pub(crate) fn listen() -> Self {
        let said = Arc::default();
        Self { _here: set_default(Ear(Arc::clone(&said))), said }
    }

    /// Those that hold `part`.
    pub(crate) fn with(&self, part: &str) -> Vec<String> {
        let said = self.said.lock().unwrap();
        said.iter().filter(|one| one.contains(part)).cloned().collect()
    }
}

struct Ear(Arc<Mutex<Vec<String>>>);

impl Subscriber for Ear {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() == Level::WARN
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Line::default();
        event.record(&mut line);
        self.0.lock().unwrap().push(line.0);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[derive(Default)]
struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        write!(self.0, "{field}={value:?} ").unwrap();
    }
}

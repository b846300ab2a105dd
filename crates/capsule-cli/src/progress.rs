//! What is shown while something takes long.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// Receives the steps of something that takes long.
pub(crate) trait Progress {
    /// A step begins; it ends the one before.
    fn step(&self, name: &str);
    /// What the step is at.
    fn detail(&self, detail: &str);
    /// Nothing is under way any more, and nothing of it is left on the screen.
    fn done(&self);
}

/// A line on stderr that is written over again and again; nothing at all where stderr is no terminal.
pub(crate) struct Line(ProgressBar);

impl Line {
    /// A line that appears with the first step.
    pub(crate) fn new() -> Self {
        let bar = ProgressBar::new_spinner();
        // A template that does not parse would be a fault of this line alone: the default one shows the same.
        if let Ok(style) = ProgressStyle::with_template("{spinner} {prefix} {wide_msg:.dim} {elapsed}") {
            bar.set_style(style);
        }
        Self(bar)
    }
}

impl Progress for Line {
    fn step(&self, name: &str) {
        // Also after `done`: one line serves several builds.
        self.0.reset();
        self.0.set_prefix(name.to_owned());
        self.0.set_message("");
        self.0.enable_steady_tick(Duration::from_millis(100));
    }

    fn detail(&self, detail: &str) {
        self.0.set_message(detail.to_owned());
    }

    fn done(&self) {
        self.0.finish_and_clear();
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.done();
    }
}

//! `watch` and `unwatch`.

use super::lookup::find;
use crate::checked::Suffix;
use crate::op_table::{UNWATCH, WATCH};
use crate::{Error, ProcessCtxView};

impl ProcessCtxView<'_> {
    /// Publishes the child's events on topics that end in `suffix`, by default its id, from now on.
    ///
    /// # Errors
    /// No such process, or the suffix makes no topic.
    pub fn watch(&mut self, id: &str, suffix: Option<String>) -> Result<(), Error> {
        let entry = self.host.enter(&WATCH);
        let ctx = &*self.ctx;
        entry.run_now(|| {
            let kept = find(ctx, &entry, id)?;
            let suffix = Suffix::parse(suffix.unwrap_or_else(|| kept.id.as_str().to_owned()))?;
            kept.child.arm(suffix);
            Ok(())
        })
    }

    /// Publishes none any more.
    ///
    /// # Errors
    /// No such process.
    pub fn unwatch(&mut self, id: &str) -> Result<(), Error> {
        let entry = self.host.enter(&UNWATCH);
        let ctx = &*self.ctx;
        entry.run_now(|| {
            find(ctx, &entry, id)?.child.disarm();
            Ok(())
        })
    }
}

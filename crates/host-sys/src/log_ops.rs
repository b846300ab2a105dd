//! `log`.

use std::time::SystemTime;

use crate::config_ops::Never;
use crate::log::{MAX_MESSAGE, marked};
use crate::op_table::LOG;
use crate::{LogLevel, LogLine, SysCtxView};

impl SysCtxView<'_> {
    /// Hands one line to the log, without waiting for a disk. Secrets this store's guest has seen are
    /// replaced; once authority is gone the line is dropped.
    pub fn log(&mut self, level: LogLevel, message: &str) {
        let entry = self.host.enter(&LOG);
        let logged = entry.run_now(|| {
            entry.moved(message.len());
            let (kept, missing) = self.ctx.revealed.redact_start(message, MAX_MESSAGE);
            let text = if missing == 0 { kept.into_owned() } else { marked(&kept, missing) };
            self.ctx.shared.log.write(LogLine {
                principal: self.host.call.principal().cloned(),
                capsule: self.host.call.capsule().clone(),
                level,
                text,
                at: SystemTime::now(),
            });
            Ok::<_, Never>(())
        });
        // The contract gives a guest no answer to a log call.
        let _ = logged;
    }
}

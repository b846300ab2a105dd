//! Events of one child, while somebody watches it.

use std::sync::Arc;

use parking_lot::Mutex;
use serde_json::json;
use tokio::time::Instant;

use super::ended::Ended;
use crate::checked::Suffix;
use crate::limits::LOG_READY_EVERY;
use crate::owner::Owner;
use crate::{Lifecycle, LifecycleEvent};

pub(crate) struct Watch {
    events: Arc<dyn Lifecycle>,
    label: String,
    armed: Mutex<Option<Armed>>,
}

#[derive(Debug)]
struct Armed {
    suffix: Suffix,
    told_of_end: bool,
    told_of_logs: Option<Instant>,
    /// An event of new output is put off until its time.
    due: bool,
}

/// What to do about new output.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// Nobody is to be told, or somebody will be.
    Nothing,
    /// Tell now.
    Now,
    /// Tell then, if there is still something.
    At(Instant),
}

impl Watch {
    pub(crate) fn new(events: Arc<dyn Lifecycle>, label: String) -> Self {
        Self { events, label, armed: Mutex::new(None) }
    }

    pub(crate) fn arm(&self, suffix: Suffix) {
        *self.armed.lock() = Some(Armed { suffix, told_of_end: false, told_of_logs: None, due: false });
    }

    pub(crate) fn disarm(&self) {
        *self.armed.lock() = None;
    }

    /// A ring was empty and is not any more.
    pub(crate) fn output_arrived(&self) -> Arrival {
        let mut armed = self.armed.lock();
        let Some(armed) = armed.as_mut().filter(|armed| !armed.due) else { return Arrival::Nothing };
        let next = armed.told_of_logs.map(|told| told + LOG_READY_EVERY);
        match next.filter(|next| *next > Instant::now()) {
            Some(next) => {
                armed.due = true;
                Arrival::At(next)
            }
            None => Arrival::Now,
        }
    }

    /// Tells what waits on both streams; nothing if nothing does.
    pub(crate) fn log_ready(&self, owner: &Owner, waiting: (usize, usize)) {
        let suffix = {
            let mut armed = self.armed.lock();
            let Some(armed) = armed.as_mut() else { return };
            armed.due = false;
            if waiting == (0, 0) {
                return;
            }
            armed.told_of_logs = Some(Instant::now());
            armed.suffix.clone()
        };
        let (out, err) = waiting;
        let payload = json!({ "suffix": suffix.as_str(), "stdout_bytes": out, "stderr_bytes": err });
        self.publish(owner, "log-ready", &suffix, payload.to_string());
    }

    pub(crate) fn stdin_drained(&self, owner: &Owner) {
        let Some(suffix) = self.armed.lock().as_ref().map(|armed| armed.suffix.clone()) else { return };
        self.publish(owner, "stdin-drained", &suffix, json!({ "suffix": suffix.as_str() }).to_string());
    }

    /// Once an arming.
    pub(crate) fn exited(&self, owner: &Owner, ended: &Ended) {
        let suffix = {
            let mut armed = self.armed.lock();
            let Some(armed) = armed.as_mut().filter(|armed| !armed.told_of_end) else { return };
            armed.told_of_end = true;
            armed.suffix.clone()
        };
        let payload = json!({
            "suffix": suffix.as_str(),
            "label": self.label,
            "exit_code": ended.exit.code,
            "signal": ended.exit.signal,
            "reason": ended.reason.as_str(),
            "at": jiff::Timestamp::now().to_string(),
        });
        self.publish(owner, "exited", &suffix, payload.to_string());
    }

    fn publish(&self, owner: &Owner, kind: &str, suffix: &Suffix, payload: String) {
        self.events.publish(LifecycleEvent {
            principal: owner.principal.clone(),
            capsule: owner.capsule.clone(),
            capsule_uuid: owner.capsule_uuid,
            topic: format!("astrid.process.v1.{kind}.{}", suffix.as_str()),
            payload,
        });
    }
}

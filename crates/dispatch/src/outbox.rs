//! What the dispatcher itself publishes, from a task of its own: while it is handed work the bus's
//! order is held, and it must not publish then.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use astrid_event_bus::{Bus, Draft, Message, Missed, Observer, Payload, Topic, WeakBus};
use astrid_host_context::{CapsuleId, Provenance};
use serde_json::json;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};
use tokio::time::Instant;

use crate::core::Core;
use crate::fate::Reason;
use crate::limits::LAG_EVERY;
use crate::prompts::Prompts;
use crate::receipt;

const LAGGED: &str = "astrid.v1.event_bus.lagged";
/// How long the first notice of lag gathers what a burst loses, so that one burst is one notice.
const GATHER: Duration = Duration::from_millis(100);

/// Something to be told.
#[derive(Debug)]
pub(crate) enum Notice {
    /// An event failed and its publisher wants to know.
    Failed(Message, Reason),
    /// Events of the host were dropped because too many waited.
    Lag(u64),
    /// A principal has no grant for a capsule.
    Ungranted(Message, CapsuleId),
}

/// Where notices go. Each stems from an event that is over, so their number is bounded by what
/// publishers may publish.
#[derive(Debug, Clone)]
pub(crate) struct Outbox {
    sender: UnboundedSender<Notice>,
    open: Arc<AtomicBool>,
}

impl Outbox {
    pub(crate) fn new(sender: UnboundedSender<Notice>) -> Self {
        Self { sender, open: Arc::default() }
    }

    /// From now on somebody reads.
    pub(crate) fn open(&self) {
        self.open.store(true, Ordering::Release);
    }

    pub(crate) fn is_open(&self) -> bool {
        self.open.load(Ordering::Acquire)
    }

    pub(crate) fn send(&self, notice: Notice) {
        if self.is_open() {
            // The reader goes with the dispatcher; then there is nobody left to tell.
            let _ = self.sender.send(notice);
        }
    }
}

/// Publishes notices until the dispatcher or the bus is gone.
pub(crate) async fn publish(
    core: Weak<Core>,
    bus: WeakBus,
    mut notices: UnboundedReceiver<Notice>,
    mut replies: Observer,
) {
    let (mut prompts, mut lag) = (Prompts::default(), Lag::default());
    loop {
        let due = lag.due;
        let lag_due = async {
            match due {
                Some(at) => tokio::time::sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            notice = notices.recv() => {
                let (Some(notice), Some(bus)) = (notice, bus.upgrade()) else { return };
                match notice {
                    Notice::Failed(message, reason) => failed(&core, &bus, &message, &reason),
                    Notice::Lag(n) => lag.add(n),
                    Notice::Ungranted(message, capsule) => prompts.ask(&bus, &message, &capsule),
                }
            }
            reply = replies.recv() => {
                let (Some(core), Some(bus)) = (core.upgrade(), bus.upgrade()) else { return };
                match reply {
                    Ok(reply) => {
                        let source = core.member(reply.source());
                        let source = source.as_ref().map(|member| member.target.capsule());
                        prompts.reply(&core, &bus, source, &reply);
                    }
                    Err(Missed::Lagged(lost)) => {
                        tracing::warn!(target: "astrid.dispatch", lost, "replies to grant prompts were lost");
                    }
                    Err(Missed::Closed) => return,
                }
            }
            () = lag_due => {
                let Some(bus) = bus.upgrade() else { return };
                lag.tell(&bus);
            }
        }
    }
}

fn failed(core: &Weak<Core>, bus: &Bus, message: &Message, reason: &Reason) {
    let publisher = core.upgrade().and_then(|core| core.member(message.source()));
    let from_guest = !message.source().is_nil();
    let publisher = publisher.map(|member| member.target.capsule().clone());
    // Of a capsule that is gone nobody is left to hear.
    let drafts = if from_guest && publisher.is_none() {
        [None, receipt::request(message, reason)]
    } else {
        [receipt::delivery(message, publisher, reason), receipt::request(message, reason)]
    };
    drafts.into_iter().flatten().for_each(|draft| {
        bus.announce(draft);
    });
}

/// Lag that was not told yet.
#[derive(Default)]
struct Lag {
    lost: u64,
    told: Option<Instant>,
    due: Option<Instant>,
}

impl Lag {
    fn add(&mut self, lost: u64) {
        self.lost = self.lost.saturating_add(lost);
        if self.due.is_none() {
            let gathered = Instant::now() + GATHER;
            self.due = Some(self.told.map_or(gathered, |told| gathered.max(told + LAG_EVERY)));
        }
    }

    fn tell(&mut self, bus: &Bus) {
        let body = json!({ "lagged_count": std::mem::take(&mut self.lost) });
        self.told = Some(Instant::now());
        self.due = None;
        if let (Ok(topic), Ok(payload)) = (Topic::host(LAGGED), Payload::parse(body.to_string())) {
            bus.announce(Draft::new(topic, payload, Provenance::system()));
        }
    }
}

//! From the queue of an uplink's load to the bus: what people wrote on outside platforms.

use std::convert::Infallible;
use std::sync::{Arc, Weak};
use std::time::Duration;

use astrid_dispatch::Dispatcher;
use astrid_event_bus::{Bus, Draft, Lane, Payload, RateExceeded, Rates, Refused, Topic};
use astrid_host_context::{Attribution, Cancellation, HostServices, Principal, Provenance, Subject};
use astrid_host_ipc::limits::{MESSAGES, THROUGHPUT};
use astrid_host_uplink::{
    Inbound, InboundRx, Linked, Links, Lookup, OpenSessions, PROMPT_TOPIC, Platform, PlatformUser, Sessions,
};
use astrid_principals::Principals;
use parking_lot::Mutex;

use crate::CapsuleError;
use crate::runtime::registry::Registry;

/// How long one attempt to publish waits for room at handlers (ipc chapter §1.1); there is another.
const WAIT: Duration = Duration::from_secs(1);
/// Between two looks at a principal's ipc rate, whose bucket refills all the time.
const RATE_PAUSE: Duration = Duration::from_millis(50);

/// The kernel's end of one load's queue, until somebody takes it.
pub(crate) struct Queue {
    rx: Mutex<Option<InboundRx>>,
    /// `None` leaves the messages to the embedder.
    publisher: Option<Publisher>,
}

impl Queue {
    pub(crate) fn new(rx: InboundRx, publisher: Option<Publisher>) -> Self {
        Self { rx: Mutex::new(Some(rx)), publisher }
    }

    /// Once.
    pub(crate) fn take(&self) -> Option<InboundRx> {
        self.rx.lock().take()
    }

    /// Publishes in order until the capsule ends, unless the embedder takes the messages.
    pub(crate) fn start(&self, ended: &Cancellation) {
        let Some(publisher) = self.publisher.clone() else { return };
        if let Some(rx) = self.take() {
            tokio::spawn(pump(rx, publisher, ended.clone()));
        }
    }
}

/// What publishing a message needs.
#[derive(Clone)]
pub(crate) struct Publisher {
    pub(crate) bus: Bus,
    /// For the ipc rates of the principals that messages speak for.
    pub(crate) services: HostServices,
    /// Who is asked when such a message lacks a grant.
    pub(crate) dispatcher: Arc<Dispatcher>,
}

async fn pump(mut rx: InboundRx, publisher: Publisher, ended: Cancellation) {
    let mut unpublished = 0;
    loop {
        let inbound = tokio::select! {
            biased;
            () = ended.fired() => break,
            next = rx.recv() => match next {
                Some(inbound) => inbound,
                None => return,
            },
        };
        tokio::select! {
            biased;
            () = ended.fired() => {
                unpublished = 1;
                break;
            }
            () = publisher.publish(inbound) => {}
        }
    }
    let discarded = rx.len() + unpublished;
    if discarded > 0 {
        tracing::warn!(target: "astrid.capsule", discarded, "messages of an unloaded uplink were not published");
    }
}

impl Publisher {
    /// Waits for the principal's ipc rate and for room at handlers, however long.
    async fn publish(&self, inbound: Inbound) {
        if let Err(problem) = self.try_publish(&inbound).await {
            tracing::warn!(
                target: "astrid.capsule",
                capsule = inbound.capsule.as_str(),
                platform = inbound.platform.as_str(),
                "a message of an uplink was not published: {problem}"
            );
        }
    }

    async fn try_publish(&self, inbound: &Inbound) -> Result<(), String> {
        let topic = Topic::host(PROMPT_TOPIC).map_err(|error| error.to_string())?;
        let bytes = u64::try_from(inbound.payload.len()).unwrap_or(u64::MAX);
        let payload =
            Payload::parse_off_thread(inbound.payload.clone()).await.map_err(|error| error.to_string())?;
        let provenance = inbound.provenance();
        if let Some(owner) = provenance.request_owner {
            self.dispatcher.uplink_turn(owner, inbound.capsule_uuid);
        }
        let draft = Draft::new(topic, payload, provenance).delegated().source(inbound.capsule_uuid);
        while let Err(exceeded) = self.charge(inbound, draft.lane(), bytes) {
            // Waiting gives no room to a message that is larger than a whole second's.
            if matches!(exceeded, RateExceeded::Bytes(limit) if bytes > limit) {
                return Err(exceeded.to_string());
            }
            tokio::time::sleep(RATE_PAUSE).await;
        }
        loop {
            match self.bus.publish(draft.clone(), WAIT, || Ok::<_, Infallible>(())).await {
                Ok(_) => return Ok(()),
                Err(Refused::Backpressure) => {}
                Err(refused) => return Err(refused.to_string()),
            }
        }
    }

    fn charge(&self, inbound: &Inbound, lane: &Lane, bytes: u64) -> Result<(), RateExceeded> {
        let subject = Subject { principal: Some(&inbound.principal), capsule: &inbound.capsule };
        let limit = |resource| self.services.quota().limit(&subject, resource);
        let rates = Rates { bytes: limit(&THROUGHPUT), messages: limit(&MESSAGES) };
        self.bus.rates().charge(inbound.capsule_uuid, lane, bytes, rates)
    }
}

/// The conversations of this host. Somebody listens while a subscription or a handler would get the
/// principal's prompt.
pub(crate) fn sessions(bus: &Bus, registry: &Arc<Registry>) -> Result<Arc<dyn Sessions>, CapsuleError> {
    let topic = Topic::host(PROMPT_TOPIC).map_err(CapsuleError::host)?;
    let nothing = Payload::parse("{}".to_owned()).map_err(CapsuleError::host)?;
    // Neither kept alive: capsules hold these sessions.
    let (bus, registry): (_, Weak<Registry>) = (bus.downgrade(), Arc::downgrade(registry));
    Ok(Arc::new(OpenSessions::new(move |who: &Principal| {
        let (Some(bus), Some(registry)) = (bus.upgrade(), registry.upgrade()) else { return false };
        let provenance = Provenance::of(Attribution::Claimed(who.clone()));
        let prompt = Draft::new(topic.clone(), nothing.clone(), provenance).delegated();
        let handlers = bus.handlers_of(&topic);
        let seen = registry.snapshot();
        bus.has_subscriber(&prompt)
            || handlers.iter().any(|handler| seen.sees(Some(who), handler.capsule_uuid))
    })))
}

/// Links to principals that may be served: an account of one that is disabled, or that nobody registered,
/// is linked to nobody.
pub(crate) struct LiveLinks {
    pub(crate) links: Arc<dyn Links>,
    pub(crate) principals: Arc<Principals>,
}

impl Links for LiveLinks {
    fn linked<'a>(&'a self, platform: &'a Platform, user: &'a PlatformUser) -> Lookup<'a> {
        Box::pin(async move {
            let Some(linked) = self.links.linked(platform, user).await? else { return Ok(None) };
            Ok(self.is_live(&linked).await.then_some(linked))
        })
    }
}

impl LiveLinks {
    async fn is_live(&self, linked: &Linked) -> bool {
        self.principals.resolve(&linked.principal).await.is_ok_and(|found| found.profile.registered)
    }
}

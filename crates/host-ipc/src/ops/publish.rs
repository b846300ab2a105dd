//! `publish` and `publish-as`.

use astrid_event_bus::{Draft, Payload, Rates, Refused, Topic};
use astrid_host_context::{
    Attribution, Entry, HostServices, Principal, Provenance, Refusal, Subject, Target,
};

use crate::ctx::{IpcCtx, IpcCtxView};
use crate::limits::{MESSAGES, RE_ENTRY_BUDGET, THROUGHPUT};
use crate::op_table::{MAY_PUBLISH, MAY_PUBLISH_AS, PUBLISH, PUBLISH_AS};
use crate::{Error, stamp};

/// Text of a guest's argument that is recorded before it is known to be well formed.
const RECORDED_CHARS: usize = 64;

impl IpcCtxView<'_> {
    /// Publishes `payload` on `topic` in the name of the call. Waits, for at most the configured time,
    /// for room at matching handlers; never for a subscriber.
    ///
    /// # Errors
    /// The first failing step decides and changes nothing: reserved or undeclared topic, malformed
    /// topic or payload, re-entry budget, rates, back-pressure. After [`Error::TooManyReceivers`] the
    /// first 256 have the message.
    pub async fn publish(&mut self, topic: &str, payload: String) -> Result<(), Error> {
        let entry = self.host.enter(&PUBLISH);
        let step = Publication { ctx: self.ctx, services: self.host.services, entry: &entry };
        entry
            .run(async {
                step.run(topic, payload, |topic, payload| {
                    stamp::inherited(entry.call(), &step.ctx.own, topic, payload)
                })
                .await
            })
            .await
    }

    /// Publishes for somebody else. The message goes out as the principal the host itself verified
    /// behind the last frame read; else as a claim, which has authority only where the operator
    /// delegated it.
    ///
    /// # Errors
    /// The capability comes before everything else, then the principal's grammar, then as
    /// [`IpcCtxView::publish`].
    pub async fn publish_as(&mut self, topic: &str, payload: String, principal: &str) -> Result<(), Error> {
        let entry = self.host.enter(&PUBLISH_AS);
        let step = Publication { ctx: self.ctx, services: self.host.services, entry: &entry };
        entry
            .run(async {
                entry.fact("claimed", || cut(principal));
                entry.allow(MAY_PUBLISH_AS, Target::Topic(&cut(topic)))?;
                let principal = Principal::parse(principal)?;
                if principal.is_anonymous() {
                    return Err(Error::Anonymous);
                }
                step.run(topic, payload, |topic, payload| step.relayed(topic, payload, principal)).await
            })
            .await
    }
}

struct Publication<'a> {
    ctx: &'a IpcCtx,
    services: &'a HostServices,
    entry: &'a Entry,
}

impl Publication<'_> {
    async fn run(
        &self,
        topic: &str,
        payload: String,
        draft: impl FnOnce(Topic, Payload) -> Draft,
    ) -> Result<(), Error> {
        let topic = Topic::parse(topic, self.ctx.charset)?;
        if self.ctx.reserved.hold(&topic) {
            self.entry.target(Target::Topic(topic.as_str()));
            return Err(Error::Reserved(topic.as_str().to_owned()));
        }
        self.entry.allow(MAY_PUBLISH, Target::Topic(topic.as_str()))?;
        let bytes = payload.len();
        let draft = draft(topic, Payload::parse_off_thread(payload).await?);
        let depth = stamp::trail(self.entry.call()).depth();
        if depth >= RE_ENTRY_BUDGET {
            return Err(Error::ReEntry(depth));
        }
        self.charge(&draft, bytes)?;
        let admitted = || self.entry.call().admit();
        let report = self.ctx.bus.publish(draft, self.ctx.publish_wait, admitted).await.map_err(refused)?;
        self.entry.moved(bytes);
        self.entry.fact("seq", || report.seq.to_string());
        if report.capped > 0 { Err(Error::TooManyReceivers(report.capped)) } else { Ok(()) }
    }

    fn charge(&self, draft: &Draft, bytes: usize) -> Result<(), Error> {
        let principal = match draft.lane() {
            astrid_event_bus::Lane::System => None,
            astrid_event_bus::Lane::Of(principal) => Some(principal),
        };
        let subject = Subject { principal, capsule: self.ctx.own.capsule() };
        let limit = |resource| self.services.quota().limit(&subject, resource);
        let rates = Rates { bytes: limit(&THROUGHPUT), messages: limit(&MESSAGES) };
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        Ok(self.ctx.bus.rates().charge(self.ctx.own.capsule_uuid(), draft.lane(), bytes, rates)?)
    }

    fn relayed(&self, topic: Topic, payload: Payload, claimed: Principal) -> Draft {
        let (ctx, entry) = (self.ctx, self.entry);
        let draft = match ctx.evidence.in_flight() {
            Some(peer) => {
                if peer.principal != claimed {
                    entry.fact("security", || "the claimed name is not the proven one".to_owned());
                    tracing::warn!(
                        target: "astrid.security",
                        capsule = ctx.own.capsule().as_str(),
                        claimed = claimed.as_str(),
                        proven = peer.principal.as_str(),
                        "an uplink forwarded a proven connection's frame under another name",
                    );
                }
                let provenance = Provenance {
                    attribution: Attribution::Verified(peer.principal),
                    transport: peer.transport,
                    device_key: peer.device_key,
                    request_owner: peer.request_owner,
                };
                Draft::new(topic, payload, provenance)
            }
            None => {
                let delegated = ctx.act_for.covers(&claimed);
                let draft = Draft::new(topic, payload, stamp::claim(entry.call(), claimed));
                if delegated {
                    draft.delegated()
                } else {
                    let uplink = ctx.own.principal().cloned();
                    draft.charged_to(uplink.unwrap_or_else(Principal::anonymous))
                }
            }
        };
        entry.fact("attribution", || match &draft.provenance().attribution {
            Attribution::Verified(p) => format!("verified({p})"),
            Attribution::Claimed(p) => format!("claimed({p})"),
            Attribution::System => "system".to_owned(),
        });
        draft.source(ctx.own.capsule_uuid()).trail(stamp::trail(entry.call()))
    }
}

fn refused(refused: Refused<Refusal>) -> Error {
    match refused {
        Refused::Backpressure => Error::Backpressure,
        Refused::Cycle => Error::Cycle,
        Refused::NotAdmitted(refusal) => Error::Refused(refusal),
    }
}

fn cut(text: &str) -> String {
    text.chars().take(RECORDED_CHARS).collect()
}

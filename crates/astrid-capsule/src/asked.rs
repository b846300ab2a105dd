//! A question that was put over the bus, and which answers to it count. The same for prompts of every kind.

use std::time::Duration;

use astrid_dispatch::may_answer;
use astrid_event_bus::{AccessPattern, Bus, Charset, Draft, Message, Missed, Observer, Payload, Topic};
use astrid_host_context::{Attribution, Principal, Provenance, Sender, Uuid};

/// Between two looks whether the connection that is asked is still there: prompts end within 100 ms of its end.
const LOOK: Duration = Duration::from_millis(50);

/// Between whom a question is.
pub(crate) struct Party {
    /// Who is asked.
    pub(crate) who: Principal,
    /// The connection that the question belongs to.
    pub(crate) owner: Uuid,
    /// The session id of the capsule that asks.
    pub(crate) asker: Uuid,
    /// The capsule whose uplink brought in what is served, if one did.
    pub(crate) turn_of: Option<Uuid>,
}

/// What is to be put.
pub(crate) struct Asking<'a> {
    pub(crate) topic: &'a str,
    /// Answers come on `{replies}.{id}`.
    pub(crate) replies: &'a str,
    pub(crate) id: Uuid,
    pub(crate) body: String,
    /// Answers that may wait to be looked at.
    pub(crate) most: usize,
}

/// A question that is put; dropping it stops listening.
pub(crate) struct Asked {
    id: Uuid,
    party: Party,
    replies: Observer,
}

/// What came.
enum Heard<T> {
    Answer(T),
    /// One that does not count, and why.
    Rejected(Message, &'static str),
    /// Answers came faster than they were looked at, and some are gone.
    Lost,
    /// The bus is gone.
    Over,
}

impl Asked {
    /// Listens, and then asks, so that no answer is too quick.
    ///
    /// # Errors
    /// What no bus takes: for operators.
    pub(crate) fn publish(bus: &Bus, party: Party, asking: Asking<'_>) -> Result<Self, String> {
        let Asking { topic, replies, id, body, most } = asking;
        let pattern = AccessPattern::parse(&format!("{replies}.{id}"), Charset::Token);
        let pattern = pattern.map_err(|error| error.to_string())?;
        let payload = Payload::parse(body).map_err(|error| error.to_string())?;
        let topic = Topic::host(topic).map_err(|error| error.to_string())?;
        let replies = bus.observe_with_capacity(pattern, most);
        bus.announce(Draft::new(topic, payload, speaking(&party.who, party.owner)));
        Ok(Self { id, party, replies })
    }

    /// The first answer that counts, as `read` reads it where its sender may give one. Others are told to `reject`
    /// with what is wrong with them. None once the bus is gone.
    pub(crate) async fn answer<T>(
        &mut self,
        read: impl Fn(&Message) -> Option<T>,
        reject: impl Fn(Sender, &'static str),
    ) -> Option<T> {
        loop {
            match self.next(&read).await {
                Heard::Answer(answer) => return Some(answer),
                Heard::Rejected(reply, why) => {
                    let principal = reply.provenance().attribution.principal().cloned();
                    reject(Sender { source: reply.source(), principal }, why);
                }
                Heard::Lost => {
                    tracing::warn!(target: "astrid.security", request = %self.id, "answers came too fast");
                }
                Heard::Over => return None,
            }
        }
    }

    async fn next<T>(&mut self, read: &impl Fn(&Message) -> Option<T>) -> Heard<T> {
        let reply = match self.replies.recv().await {
            Ok(reply) => reply,
            Err(Missed::Lagged(_)) => return Heard::Lost,
            Err(Missed::Closed) => return Heard::Over,
        };
        let Party { who, owner, asker, turn_of } = &self.party;
        if reply.source() == *asker {
            return Heard::Rejected(reply, "it is of the capsule that asks");
        }
        if !may_answer(&reply, who, Some(*owner), *turn_of) {
            return Heard::Rejected(reply, "it is of another principal or connection");
        }
        match read(&reply) {
            Some(answer) => Heard::Answer(answer),
            None => Heard::Rejected(reply, "it is no answer to this question"),
        }
    }
}

/// Until whoever is asked is gone.
pub(crate) async fn until_gone(is_there: impl Fn() -> bool) {
    while is_there() {
        tokio::time::sleep(LOOK).await;
    }
}

/// On behalf of a principal, as the request of one connection.
pub(crate) fn speaking(who: &Principal, owner: Uuid) -> Provenance {
    Provenance { request_owner: Some(owner), ..Provenance::of(Attribution::Verified(who.clone())) }
}

//! Asking on `astrid.v1.elicit`.

use std::sync::Arc;
use std::time::Duration;

use astrid_dispatch::Dispatcher;
use astrid_event_bus::Bus;
use astrid_host_context::{Cancellation, Sender, Uuid};
use astrid_host_elicit::{Asking, Prompt, Prompter, Reply, Unanswered};
use astrid_host_net::Connections;

use super::open::{Open, Slot};
use super::wire::{self, REPLIES, TOPIC};
use crate::asked::{Asked, Asking as OnBus, Heard, Party};

/// Answers that may wait to be looked at; a flood of others' must not push the right one out.
const ANSWERS: usize = 256;
/// Between two looks whether the connection that is asked is still there.
const LOOK: Duration = Duration::from_millis(250);

/// Puts questions on the bus, as the elicit chapter has it in §2.3 to §2.5.
pub(super) struct AskOnBus {
    bus: Bus,
    dispatcher: Arc<Dispatcher>,
    connections: Connections,
    open: Arc<Open>,
}

impl AskOnBus {
    pub(super) fn new(
        bus: Bus,
        dispatcher: Arc<Dispatcher>,
        connections: Connections,
        open: Arc<Open>,
    ) -> Self {
        Self { bus, dispatcher, connections, open }
    }

    async fn put(&self, prompt: Prompt<'_>) -> Result<Reply, Unanswered> {
        let call = prompt.call();
        let (Some(who), Some(owner)) = (call.principal(), prompt.owner()) else {
            return Err(Unanswered::NotPut("nobody may answer it".to_owned()));
        };
        let (id, question) = (prompt.id(), prompt.question());
        let body = wire::question(id, call.capsule().as_str(), question);
        let body = body.map_err(|error| Unanswered::NotPut(error.to_string()))?;
        let turn_of = self.dispatcher.turn_of(owner);
        let party = Party { who: who.clone(), owner, asker: call.capsule_uuid(), turn_of };
        let asking = OnBus { topic: TOPIC, replies: REPLIES, id, body, most: ANSWERS };
        let mut asked = Asked::publish(&self.bus, party, asking).map_err(Unanswered::NotPut)?;
        let _waiting = Open::enter(
            &self.open,
            Slot {
                id,
                owner,
                who: who.clone(),
                capsule: call.capsule().clone(),
                question: question.clone(),
                over: Cancellation::new(),
            },
        );
        tokio::select! {
            biased;
            reply = answered(&mut asked, &prompt) => reply,
            () = self.gone(owner) => Err(Unanswered::Withdrawn),
        }
    }

    /// Until the connection that is asked is closed.
    async fn gone(&self, owner: Uuid) {
        while self.is_live(owner) {
            tokio::time::sleep(LOOK).await;
        }
    }
}

async fn answered(asked: &mut Asked, prompt: &Prompt<'_>) -> Result<Reply, Unanswered> {
    loop {
        match asked.next(|reply| wire::reply(prompt.id(), reply.payload().bytes())).await {
            Heard::Answer(reply) => return Ok(reply),
            Heard::Rejected(reply, why) => {
                let principal = reply.provenance().attribution.principal().cloned();
                prompt.reject(Sender { source: reply.source(), principal }, why);
            }
            Heard::Lost => {
                tracing::warn!(target: "astrid.security", request = %prompt.id(), "answers came too fast");
            }
            Heard::Over => return Err(Unanswered::Withdrawn),
        }
    }
}

impl Prompter for AskOnBus {
    fn is_live(&self, owner: Uuid) -> bool {
        self.open.is_minted(owner)
            || self.dispatcher.turn_of(owner).is_some()
            || self.connections.is_open(owner)
    }

    fn ask<'a>(&'a self, prompt: Prompt<'a>) -> Asking<'a> {
        Box::pin(self.put(prompt))
    }
}

#[cfg(test)]
#[path = "tests/mod.rs"]
mod tests;

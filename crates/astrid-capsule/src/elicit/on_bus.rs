//! Asking on `astrid.v1.elicit`.

use std::sync::Arc;

use astrid_dispatch::Dispatcher;
use astrid_event_bus::Bus;
use astrid_host_context::{Cancellation, Uuid};
use astrid_host_elicit::{Asking, Prompt, Prompter, Reply, Unanswered};
use astrid_host_net::Connections;

use super::open::{Open, Slot};
use super::wire::{self, REPLIES, TOPIC};
use crate::asked::{Asked, Asking as OnBus, Party, until_gone};

/// Answers that may wait to be looked at; a flood of others' must not push the right one out.
const ANSWERS: usize = 256;

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
        let answered = asked.answer(
            |reply| wire::reply(id, reply.payload().bytes()),
            |sender, why| prompt.reject(sender, why),
        );
        tokio::select! {
            biased;
            reply = answered => reply.ok_or(Unanswered::Withdrawn),
            () = until_gone(|| self.is_live(owner)) => Err(Unanswered::Withdrawn),
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

//! Asking on `astrid.v1.approval`.

use std::sync::Arc;

use astrid_dispatch::Dispatcher;
use astrid_event_bus::Bus;
use astrid_host_approval::{Asking, Prompt, Prompter, Reply, Unanswered};
use astrid_host_context::{Transport, Uuid};
use astrid_host_net::Connections;

use super::wire::{self, Question, REPLIES, TOPIC};
use crate::asked::{Asked, Asking as OnBus, Party, until_gone};

/// Answers that may wait to be looked at, the contract's figure (approval chapter §4).
const ANSWERS: usize = 32;

/// Puts questions on the bus, as the approval chapter has it in §2.4 and §2.5.
pub(super) struct AskOnBus {
    bus: Bus,
    dispatcher: Arc<Dispatcher>,
    is_open: Arc<dyn Fn(Uuid) -> bool + Send + Sync>,
}

impl AskOnBus {
    pub(super) fn new(bus: Bus, dispatcher: Arc<Dispatcher>, connections: Connections) -> Self {
        Self { bus, dispatcher, is_open: Arc::new(move |owner| connections.is_open(owner)) }
    }

    async fn put(&self, prompt: Prompt<'_>) -> Result<Reply, Unanswered> {
        let (call, id, owner) = (prompt.call(), prompt.id(), prompt.owner());
        let Some(who) = call.principal() else {
            return Err(Unanswered::NotPut("nobody may answer it".to_owned()));
        };
        let turn_of = self.dispatcher.turn_of(owner);
        // A turn of an uplink or of a gateway has no connection here that could be seen to close.
        let connected =
            call.caller().is_some_and(|caller| caller.provenance.transport == Transport::LocalSocket);
        if connected && !(self.is_open)(owner) {
            return Err(Unanswered::OwnerGone);
        }
        let (action, resource, reason) = (prompt.action(), prompt.resource(), prompt.reason());
        let body = Question { id, owner, action, resource, reason: &reason }.json();
        let party = Party { who: who.clone(), owner, asker: call.capsule_uuid(), turn_of };
        let asking = OnBus { topic: TOPIC, replies: REPLIES, id, body, most: ANSWERS };
        let mut asked = Asked::publish(&self.bus, party, asking).map_err(Unanswered::NotPut)?;
        let answered = asked.answer(
            |reply| wire::reply(id, reply.payload().bytes()),
            |sender, why| prompt.reject(sender, why),
        );
        tokio::select! {
            biased;
            reply = answered => reply.ok_or_else(|| Unanswered::NotPut("the bus is gone".to_owned())),
            () = until_gone(|| (self.is_open)(owner)), if connected => Err(Unanswered::OwnerGone),
        }
    }
}

impl Prompter for AskOnBus {
    fn ask<'a>(&'a self, prompt: Prompt<'a>) -> Asking<'a> {
        Box::pin(self.put(prompt))
    }
}

#[cfg(test)]
#[path = "tests/mod.rs"]
mod tests;

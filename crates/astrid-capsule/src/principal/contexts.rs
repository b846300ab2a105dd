//! A run loop's next context: the message's principal under the token that ends that principal's calls.

use std::sync::Arc;

use astrid_event_bus::Message;
use astrid_host_context::CallContext;
use astrid_host_ipc::ContextResolver;
use astrid_principals::{Principals, Tokens};

/// The contexts of one store.
pub(crate) struct Contexts {
    tokens: Arc<Tokens>,
    principals: Arc<Principals>,
}

impl Contexts {
    pub(crate) fn new(tokens: Arc<Tokens>, principals: Arc<Principals>) -> Self {
        Self { tokens, principals }
    }
}

impl ContextResolver for Contexts {
    /// A profile that cannot be used leaves the loop running and this message without authority.
    fn resolve(&self, own: &CallContext, message: &Message) -> CallContext {
        let principal = message.authority().or(own.principal());
        let caller = Some(message.caller_for(own.capsule_uuid()));
        let Some(principal) = principal else {
            return own.to_builder().caller(caller).no_principal().build();
        };
        let call = own.to_builder().caller(caller).principal(principal.clone());
        match self.principals.profiles.current(principal) {
            Ok(found) => call.cancellation(self.tokens.of(Some(principal), found.generation)).build(),
            Err(unusable) => {
                tracing::warn!(
                    target: "astrid.principals",
                    capsule = %own.capsule(),
                    "a run loop's message is served without authority: {unusable}"
                );
                call.without_authority().build()
            }
        }
    }
}

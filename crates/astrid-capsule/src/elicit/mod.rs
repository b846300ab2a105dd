//! Questions of capsules to people: over the bus, and to whoever sits in front of this process.

mod on_bus;
mod open;
mod prompts;
mod secrets;
mod wire;

use std::sync::Arc;

use astrid_dispatch::Dispatcher;
use astrid_event_bus::Bus;
use astrid_host_elicit::{ElicitCtx, ElicitCtxBuilder, Questions};
use astrid_host_net::Connections;
use astrid_host_sys::SecretStore;

use on_bus::AskOnBus;
use open::Open;
pub(crate) use open::Owner;
pub use prompts::{Prompt, Prompts};
use secrets::Stored;
pub(crate) use secrets::{Armed, HookSecrets, Undo};

/// What all capsules' questions share.
pub(crate) struct Elicitation {
    questions: Arc<Questions>,
    open: Arc<Open>,
    secrets: Arc<dyn SecretStore>,
    bus: Bus,
}

impl Elicitation {
    /// `interactive` is the operator's `elicit.runtime`.
    pub(crate) fn new(
        bus: &Bus,
        (dispatcher, connections): (&Arc<Dispatcher>, &Connections),
        secrets: &Arc<dyn SecretStore>,
        interactive: bool,
    ) -> Self {
        let open = Arc::new(Open::default());
        let prompter = AskOnBus::new(bus.clone(), dispatcher.clone(), connections.clone(), open.clone());
        let questions = Questions::builder(Arc::new(prompter)).interactive(interactive).build();
        Self { questions, open, secrets: secrets.clone(), bus: bus.clone() }
    }

    /// A capsule that serves events.
    pub(crate) fn serving(&self) -> ElicitCtxBuilder {
        ElicitCtx::builder(self.questions.clone()).secrets(Arc::new(Stored(self.secrets.clone())))
    }

    /// A lifecycle call that this process makes, and that it answers for.
    pub(crate) fn hook(&self, owner: &Owner, secrets: HookSecrets) -> ElicitCtxBuilder {
        ElicitCtx::builder(self.questions.clone()).secrets(Arc::new(secrets)).owner(owner.id())
    }

    /// Where such a call's secrets go, and what takes them away again.
    pub(crate) fn hook_secrets(&self) -> (HookSecrets, Undo) {
        HookSecrets::new(self.secrets.clone())
    }

    /// A request owner that nobody outside of this process has, until it is dropped.
    pub(crate) fn mint(&self) -> Owner {
        Open::mint(&self.open)
    }

    /// What is asked from now on, and what waits for an answer now.
    pub(crate) fn prompts(&self) -> Prompts {
        Prompts::new(&self.open, &self.bus)
    }
}

//! Questions for whoever sits in front of this process.

use std::collections::{HashSet, VecDeque};
use std::fmt;
use std::sync::Arc;

use astrid_event_bus::{Bus, Draft, Payload, Topic};
use astrid_host_context::{Principal, Standing, Uuid};
use astrid_host_elicit::{Field, Question, Reply};
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use super::open::{Open, Slot};
use super::wire::{self, REPLIES};
use crate::asked::speaking;
use crate::{CapsuleError, Code, Runtime};

/// The questions of install and upgrade hooks that this process runs, and of no others: those of capsules that
/// serve a connection are that connection's to answer.
///
/// ```no_run
/// use astrid_capsule::{Field, HookPhase, Reply, Runtime};
///
/// # async fn example(runtime: Runtime) -> Result<(), astrid_capsule::CapsuleError> {
/// let mut prompts = runtime.prompts();
/// let owner = runtime.owner().clone();
/// let mut installing = Box::pin(runtime.run_hook("examples/mail", &owner, HookPhase::Install));
/// let installed = loop {
///     tokio::select! {
///         installed = &mut installing => break installed?,
///         Some(prompt) = prompts.next() => {
///             println!("{} asks: {}", prompt.capsule(), prompt.text());
///             let hidden = matches!(prompt.field(), Field::Secret);
///             let typed = read_line(hidden); // on a thread of its own; `withdrawn` ends it early
///             prompt.answer(typed.map_or_else(Reply::declined, Reply::value))?;
///         }
///     }
/// };
/// installed.commit().await
/// # }
/// # fn read_line(_: bool) -> Option<String> { None }
/// ```
pub struct Prompts {
    news: broadcast::Receiver<Arc<Slot>>,
    before: VecDeque<Arc<Slot>>,
    /// Shown already, and perhaps still on its way in `news`.
    known: HashSet<Uuid>,
    open: Arc<Open>,
    bus: Bus,
}

impl Prompts {
    pub(super) fn new(open: &Arc<Open>, bus: &Bus) -> Self {
        let (news, waiting) = open.listen();
        Self { news, before: waiting.into(), known: HashSet::new(), open: open.clone(), bus: bus.clone() }
    }

    /// The next question that still waits for an answer. Those that waited before are given first. Dropping the
    /// future loses none.
    pub async fn next(&mut self) -> Option<Prompt> {
        loop {
            let slot = match self.before.pop_front() {
                Some(slot) => slot,
                None => match self.news.recv().await {
                    Ok(slot) => slot,
                    // Whatever was missed and still waits is found anew.
                    Err(RecvError::Lagged(_)) => {
                        self.before = self.open.waiting().into();
                        continue;
                    }
                    Err(RecvError::Closed) => return None,
                },
            };
            self.known.retain(|id| self.open.waiting().iter().any(|slot| slot.id == *id));
            let asked = slot.over.standing() == Standing::Live && self.open.is_minted(slot.owner);
            if asked && self.known.insert(slot.id) {
                return Some(Prompt { slot, bus: self.bus.clone() });
            }
        }
    }
}

impl fmt::Debug for Prompts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prompts").finish_non_exhaustive()
    }
}

/// One question. All its texts are cleaned of control characters, and none is the host's word but
/// [`Prompt::capsule`]. Dropping it unanswered leaves it to others, and to its time.
pub struct Prompt {
    slot: Arc<Slot>,
    bus: Bus,
}

impl Prompt {
    /// The capsule that asks, as the host knows it.
    #[must_use]
    pub fn capsule(&self) -> &str {
        self.slot.capsule.as_str()
    }

    /// Who is asked.
    #[must_use]
    pub fn principal(&self) -> &Principal {
        &self.slot.who
    }

    /// The value's name.
    #[must_use]
    pub fn key(&self) -> &str {
        self.slot.question.key().as_str()
    }

    /// What to show; the key where the guest wrote nothing.
    #[must_use]
    pub fn text(&self) -> &str {
        self.slot.question.prompt()
    }

    /// What to answer with: a line, a line that must not be shown, one of some options, or several lines.
    #[must_use]
    pub fn field(&self) -> &Field {
        self.slot.question.field()
    }

    /// What is offered. Who just presses enter gives this as the answer; the host never fills it in.
    #[must_use]
    pub fn default(&self) -> Option<&str> {
        Question::default(&self.slot.question)
    }

    /// Completes when the question is asked no longer: it was answered, its time is up, or the hook has ended.
    pub async fn withdrawn(&self) {
        self.slot.over.fired().await;
    }

    /// Answers: [`Reply::value`] for texts, secrets and choices, [`Reply::values`] for lists,
    /// [`Reply::declined`] for a person who does not want to, which the guest reads as `cancelled`. An answer
    /// that does not fit the question ends it too, with `invalid-input`.
    ///
    /// # Errors
    /// [`Code::Cancelled`] if it is asked no longer; [`Code::Host`] for an answer of more than the bus takes in
    /// one message, which is a mebibyte with its JSON.
    pub fn answer(self, reply: Reply) -> Result<(), CapsuleError> {
        if self.slot.over.standing() != Standing::Live {
            return Err(CapsuleError::new(Code::Cancelled, "the question is asked no longer"));
        }
        let topic = Topic::host(&format!("{REPLIES}.{}", self.slot.id)).map_err(CapsuleError::host)?;
        let body = wire::answer(self.slot.id, &reply).map_err(CapsuleError::host)?;
        let payload = Payload::parse(body).map_err(CapsuleError::host)?;
        let provenance = speaking(&self.slot.who, self.slot.owner);
        self.bus.announce(Draft::new(topic, payload, provenance).observers_only());
        Ok(())
    }
}

impl fmt::Debug for Prompt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prompt")
            .field("capsule", &self.slot.capsule)
            .field("key", &self.key())
            .finish_non_exhaustive()
    }
}

impl Runtime {
    /// The questions of this process's own install and upgrade hooks: to be listened to before a hook is run,
    /// though what waits already is given too. Several may listen; the first answer counts.
    #[must_use]
    pub fn prompts(&self) -> Prompts {
        self.0.elicitation.prompts()
    }
}

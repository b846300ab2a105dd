//! Questions to somebody in the same process.

use astrid_host_context::{CapsuleId, Principal, Uuid};
use tokio::sync::{mpsc, oneshot};

use crate::prompter::Asking;
use crate::{Prompt, Prompter, Question, Reply, Unanswered};

/// Questions that wait to be taken; more wait outside, and their time runs.
const WAITING: usize = 16;

/// A [`Prompter`] whose questions come out at the other end of a queue: for tests, and for kernels whose user
/// sits in front of the process. Whoever holds that end is taken to be the one who is asked.
#[derive(Debug, Clone)]
pub struct Channel(mpsc::Sender<Asked>);

/// The other end.
#[derive(Debug)]
pub struct AskedRx(mpsc::Receiver<Asked>);

/// A question to answer. Dropping it is as good as declining.
#[derive(Debug)]
pub struct Asked {
    /// Its number.
    pub id: Uuid,
    /// Who asks.
    pub capsule: CapsuleId,
    /// Whom.
    pub principal: Option<Principal>,
    /// What.
    pub question: Question,
    reply: oneshot::Sender<Reply>,
}

impl Asked {
    /// Answers it; false if it is no longer asked.
    pub fn answer(self, reply: Reply) -> bool {
        self.reply.send(reply).is_ok()
    }

    /// Whether it is no longer asked: answers come too late.
    #[must_use]
    pub fn is_withdrawn(&self) -> bool {
        self.reply.is_closed()
    }
}

impl Channel {
    /// Both ends.
    #[must_use]
    pub fn new() -> (Self, AskedRx) {
        let (sender, receiver) = mpsc::channel(WAITING);
        (Self(sender), AskedRx(receiver))
    }
}

impl AskedRx {
    /// The next question; `None` once nobody can ask any more.
    pub async fn recv(&mut self) -> Option<Asked> {
        self.0.recv().await
    }
}

impl Prompter for Channel {
    fn is_live(&self, _: Uuid) -> bool {
        !self.0.is_closed()
    }

    fn ask<'a>(&'a self, prompt: Prompt<'a>) -> Asking<'a> {
        Box::pin(async move {
            let (reply, answered) = oneshot::channel();
            let asked = Asked {
                id: prompt.id(),
                capsule: prompt.call().capsule().clone(),
                principal: prompt.call().principal().cloned(),
                question: prompt.question().clone(),
                reply,
            };
            self.0.send(asked).await.map_err(|_closed| Unanswered::Withdrawn)?;
            answered.await.map_err(|_dropped| Unanswered::Withdrawn)
        })
    }
}

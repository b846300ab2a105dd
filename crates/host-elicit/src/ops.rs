//! `elicit` and `has-secret`.

use std::sync::Arc;

use astrid_host_context::{CallContext, Entry, LifecyclePhase, Uuid};
use tokio::time::{Instant, timeout_at};

use crate::answer::Answer;
use crate::ctx::ElicitCtx;
use crate::op_table::{ELICIT, HAS_SECRET, SENT};
use crate::{
    AnswerText, ElicitCtxView, Elicitation, Error, Key, Prompt, Question, Reply, Response, Slot, Unanswered,
};

impl ElicitCtxView<'_> {
    /// Asks a question and waits for the answer. A secret is in the store before this says so, and an answer
    /// of any other kind is kept nowhere.
    ///
    /// # Errors
    /// In this order: the call may not ask; the question is not well formed; too many wait; nobody answered,
    /// declined, or was there any more; the answer does not fit; the call is over; the store.
    pub async fn elicit(&mut self, request: Elicitation) -> Result<Response, Error> {
        let entry = self.host.enter(&ELICIT);
        let ctx = &*self.ctx;
        // Only the wait for the answer may be interrupted: whether a secret is stored must not be in doubt.
        entry
            .run_to_end(async {
                let owner = ctx.admit(entry.call())?;
                let question = Question::parse(request)?;
                let who = entry.call().principal().ok_or(Error::NoPrincipal)?;
                let _places = ctx.questions.place(&entry, who)?;
                let asking = Asking { ctx, entry: &entry, question: &question };
                let resolved = asking.resolve(owner).await;
                entry.fact("resolved", || {
                    resolved.as_ref().map_or_else(Error::resolution, |_| "submitted").to_owned()
                });
                resolved
            })
            .await
    }

    /// Whether the principal has a secret of this name for this capsule. False where there is no principal.
    ///
    /// # Errors
    /// The key is not well formed, the store does not answer, or the call is over.
    pub async fn has_secret(&mut self, key: &str) -> Result<bool, Error> {
        let entry = self.host.enter(&HAS_SECRET);
        let ctx = &*self.ctx;
        entry
            .run(async {
                let Some(slot) = slot(entry.call(), Key::parse(key)?) else { return Ok(false) };
                let secrets = ctx.secrets.clone();
                Ok(ctx.questions.of_store(async move { secrets.has(&slot).await }).await?)
            })
            .await
    }
}

/// `None` for calls without a principal.
fn slot(call: &CallContext, key: Key) -> Option<Slot> {
    call.principal().cloned().map(|principal| Slot { principal, capsule: call.capsule().clone(), key })
}

/// One question that is put.
struct Asking<'a> {
    ctx: &'a ElicitCtx,
    entry: &'a Entry,
    question: &'a Question,
}

impl Asking<'_> {
    async fn resolve(&self, owner: Option<Uuid>) -> Result<Response, Error> {
        let id = Uuid::from(uuid::Uuid::new_v4());
        let deadline = Instant::now() + self.ctx.questions.patience;
        self.record_sent(id)?;
        let reply = self.wait(Prompt::new(id, owner, self.question, self.entry), deadline).await?;
        match self.question.judge(reply)? {
            Answer::Given(response) => Ok(response),
            Answer::Secret(value) => self.store(value).await,
        }
    }

    /// What both records of a question have: which one, of what, in which phase.
    fn record_sent(&self, id: Uuid) -> Result<(), Error> {
        let sent = Entry::new(self.entry.call(), self.entry.services(), &SENT);
        for record in [&sent, self.entry] {
            record.fact("request", || id.to_string());
            record.fact("phase", || phase(record.call()).to_owned());
            record.fact("kind", || self.question.kind().as_str().to_owned());
            record.fact("key", || self.question.key().to_string());
            if let Some(component) = &self.ctx.component {
                record.fact("component", || component.to_string());
            }
        }
        sent.digest("description-blake3", self.question.description().unwrap_or_default().as_bytes());
        sent.run_now(|| Ok(()))
    }

    async fn wait(&self, prompt: Prompt<'_>, deadline: Instant) -> Result<Reply, Error> {
        let asked = timeout_at(deadline, self.ctx.questions.prompter.ask(prompt));
        match self.entry.race_outside(asked).await.map_err(Error::Interrupted)? {
            Ok(Ok(reply)) => Ok(reply),
            Ok(Err(Unanswered::Withdrawn)) => Err(Error::Withdrawn),
            Ok(Err(Unanswered::NotPut(why))) => Err(Error::NotPut(why)),
            Err(_elapsed) => Err(Error::Timeout),
        }
    }

    /// The last look at the call's authority is right before the write: what somebody typed for a principal who
    /// was retired meanwhile is wiped.
    async fn store(&self, value: AnswerText) -> Result<Response, Error> {
        let call = self.entry.call();
        let slot = slot(call, self.question.key().clone()).ok_or(Error::NoPrincipal)?;
        let secrets = Arc::clone(&self.ctx.secrets);
        call.admit().map_err(Error::Interrupted)?;
        self.ctx.questions.of_store(async move { secrets.store(&slot, value).await }).await?;
        Ok(Response::SecretStored)
    }
}

fn phase(call: &CallContext) -> &'static str {
    match call.phase() {
        Some(LifecyclePhase::Install) => "install",
        Some(LifecyclePhase::Upgrade) => "upgrade",
        None => "none",
    }
}

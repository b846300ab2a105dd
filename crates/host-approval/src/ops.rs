//! `request-approval`.

use std::sync::Arc;

use astrid_host_context::{CallContext, Entry, Refusal, Uuid};
use tokio::time::{Instant, timeout_at};

use crate::ctx::ApprovalCtx;
use crate::decision::{Decided, Verdict};
use crate::op_table::{DECIDED, REQUESTED};
use crate::open::Ending;
use crate::places::Limits;
use crate::store::NotKept;
use crate::tickets::Ticket;
use crate::{
    Allowance, ApprovalCtxView, Decision, Error, GrantsUnavailable, Holder, Lasting, OpenQuestion, Pattern,
    Prompt, Reply, Unanswered, Wanted,
};

impl ApprovalCtxView<'_> {
    /// Whether the person behind the call consents to an action: as was remembered, or after asking. `action`
    /// is the family, `resource` one of them in full.
    ///
    /// # Errors
    /// In this order: the texts; remembered consent cannot be read; too many questions; no record can be
    /// made; nobody answered, or the call is over; what was answered cannot be remembered, and then nothing is
    /// granted.
    pub async fn request_approval(&mut self, action: &str, resource: &str) -> Result<Decision, Error> {
        let ctx = &*self.ctx;
        // Declared first: it must be dropped after the record of the decision is written.
        let ending = Ending::new(&ctx.approvals.open, self.host.services);
        let entry = self.host.enter(&DECIDED);
        let decided = entry
            .run_always_async(async {
                let verdict = Verdict::of(&entry);
                let decided = Asking { ctx, entry: &entry, ending: &ending }.decide(action, resource).await;
                verdict.say(&decided);
                decided
            })
            .await;
        Ok(decided?.decision)
    }
}

/// One call.
struct Asking<'a> {
    ctx: &'a ApprovalCtx,
    entry: &'a Entry,
    ending: &'a Ending,
}

impl Asking<'_> {
    async fn decide(&self, action: &str, resource: &str) -> Result<Decided, Error> {
        match self.call().admit() {
            Ok(()) => {}
            // Nobody consents for a principal whose authority is gone.
            Err(Refusal::Retired) => return Ok(Decided::denied("cancelled")),
            Err(refusal) => return Err(Error::Interrupted(refusal)),
        }
        let wanted = Wanted::parse(action, resource)?;
        self.entry.fact("action", || wanted.action.as_str().to_owned());
        self.entry.fact("resource", || wanted.resource.shown().to_owned());
        self.entry.recordable()?;
        let Some(who) = self.call().principal().filter(|who| !who.is_anonymous()) else {
            return Ok(Decided::denied("no_request_owner"));
        };
        let holder = Holder {
            principal: who.clone(),
            capsule: self.call().capsule().clone(),
            workspace: self.ctx.workspace.clone(),
        };
        // Asked also where nothing can match: no question is put while a stored rule may be unknown.
        let matched = wanted.resource.matched().filter(|_| !wanted.action.is_empty());
        if let Some(lasting) = self.ctx.approvals.store.find(&holder, matched).await? {
            return Ok(Decided::remembered(lasting));
        }
        match self.call().caller().and_then(|caller| caller.provenance.request_owner) {
            Some(owner) => self.prompt(holder, owner, &wanted, resource).await,
            None => Ok(Decided::denied("no_request_owner")),
        }
    }

    async fn prompt(
        &self,
        holder: Holder,
        owner: Uuid,
        wanted: &Wanted,
        raw: &str,
    ) -> Result<Decided, Error> {
        let approvals = &self.ctx.approvals;
        let who = &holder.principal;
        let _place = approvals.places.take(who, &holder.capsule, Limits::of(self.entry))?;
        let ticket = approvals.store.ticket(who);
        let question = OpenQuestion {
            id: uuid::Uuid::new_v4().into(),
            record: uuid::Uuid::new_v4().into(),
            principal: who.clone(),
            capsule: holder.capsule.clone(),
        };
        self.ending.begin(&question).await?;
        self.record_requested(&question, wanted, raw).await?;
        let prompt = Prompt::new(question.id, owner, wanted, self.entry);
        let asked = timeout_at(Instant::now() + approvals.patience, approvals.prompter.ask(prompt));
        let reply = match self.entry.race_outside(asked).await.map_err(Error::Interrupted)? {
            Ok(Ok(reply)) => reply,
            Ok(Err(Unanswered::OwnerGone)) => return Ok(Decided::denied("owner_gone")),
            Ok(Err(Unanswered::NotPut(why))) => return Err(Error::NotPut(why)),
            Err(_elapsed) => return Err(Error::Timeout),
        };
        self.apply(reply, holder, wanted, question.id, ticket).await
    }

    /// Whatever happens next, the records say that a question was put.
    async fn record_requested(
        &self,
        question: &OpenQuestion,
        wanted: &Wanted,
        raw: &str,
    ) -> Result<(), Error> {
        let (services, record) = (self.entry.services(), question.record);
        let requested = Entry::new(self.call(), services, &REQUESTED);
        for one in [&requested, self.entry] {
            one.fact("request", || question.id.to_string());
        }
        self.entry.fact("requested-record", || record.to_string());
        requested.fact("record", || record.to_string());
        requested.fact("action", || wanted.action.as_str().to_owned());
        requested.fact("resource", || wanted.resource.shown().to_owned());
        requested.digest("resource-blake3", raw.as_bytes());
        if let Some(component) = &self.ctx.component {
            requested.fact("component", || component.to_string());
        }
        requested.run_now(|| requested.recordable().map_err(Error::Refused))?;
        self.entry.race(services.audit().written()).await.map_err(Error::Interrupted)?;
        // The sink may have failed at this very record.
        Ok(self.entry.recordable()?)
    }

    async fn apply(
        &self,
        reply: Reply,
        holder: Holder,
        wanted: &Wanted,
        request: Uuid,
        ticket: Ticket,
    ) -> Result<Decided, Error> {
        let lasting = match reply {
            Reply::Deny => return Ok(Decided::denied("user")),
            Reply::Once => return Ok(Decided::approved(None)),
            Reply::Session => Lasting::Session,
            Reply::Always => Lasting::Always,
        };
        // Without a family there is nothing to remember.
        let Some(pattern) = Pattern::of(&wanted.action) else { return Ok(Decided::approved(None)) };
        self.call().admit().map_err(Error::Interrupted)?;
        let allowance = Allowance { request: Some(request), ..Allowance::new(holder, pattern, lasting) };
        let store = Arc::clone(&self.ctx.approvals.store);
        // In a task of its own: a write that is begun also becomes known in memory, whatever becomes of the call.
        let keeping = tokio::spawn(async move { store.remember(allowance, &ticket).await });
        let kept = keeping.await.map_err(|ended| GrantsUnavailable(ended.to_string()))?;
        match kept {
            Ok(()) => Ok(Decided::approved(Some(lasting))),
            // It was approved, and there is no session to remember it for.
            Err(NotKept::SessionOver) => Ok(Decided::approved(None)),
            Err(NotKept::PrincipalGone) => Err(Error::Interrupted(Refusal::Retired)),
            Err(NotKept::Unavailable(unavailable)) => Err(unavailable.into()),
        }
    }

    fn call(&self) -> &CallContext {
        self.entry.call()
    }
}

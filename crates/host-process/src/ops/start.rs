//! `spawn`, `spawn-background`, `spawn-persistent`.

use std::sync::Arc;

use astrid_host_context::Standing;
use wasmtime::component::Resource;

use super::attempt::{Attempt, Plan, Tier};
use super::wait::marked;
use crate::child::{Child, Reason, Start};
use crate::handle::Hold;
use crate::limits::{AT_ONCE, ceiling};
use crate::op_table::{SPAWN, SPAWN_BACKGROUND, SPAWN_PERSISTENT};
use crate::registry::Keep;
use crate::roll::{Enrolled, Slot};
use crate::run::Run;
use crate::{Error, ProcessCtxView, ProcessHandle, ProcessResult, Running, SpawnRequest};

impl ProcessCtxView<'_> {
    /// Runs a command to its end.
    ///
    /// # Errors
    /// In the chapter's order: what the request is refused for, then what the start fails for. A call that is
    /// cancelled ends what it had started.
    pub async fn spawn(&mut self, request: SpawnRequest) -> Result<ProcessResult, Error> {
        let entry = self.host.enter(&SPAWN);
        let attempt = Attempt { ctx: &*self.ctx, entry: &entry, tier: Tier::Sync };
        let work = async {
            let mut plan = attempt.plan(request)?;
            let enrolled = attempt.enrol()?;
            let stop = enrolled.stop().clone();
            let who = entry.call().principal();
            let turns = &attempt.ctx.processes.turns;
            let turn = attempt.raced(&stop, turns.take(who, ceiling(&entry, &AT_ONCE))).await?;
            let running = attempt.launch(&mut plan, &enrolled).await?;
            let run = Run::begin(running, plan.prelude.take(), (enrolled, turn));
            run.finish(&entry, &stop).await
        };
        // Ending what was started takes a moment after the call is over.
        entry.run_always_async(marked(&entry, work)).await
    }

    /// Starts a child that lives as long as its handle.
    ///
    /// # Errors
    /// As [`ProcessCtxView::spawn`], and too many children.
    pub async fn spawn_background(
        &mut self,
        request: SpawnRequest,
    ) -> Result<Resource<ProcessHandle>, Error> {
        let entry = self.host.enter(&SPAWN_BACKGROUND);
        let attempt = Attempt { ctx: &*self.ctx, entry: &entry, tier: Tier::Background };
        let table = &mut *self.host.table;
        let work = async {
            let mut plan = attempt.plan(request)?;
            let enrolled = attempt.enrol()?;
            let place = attempt.ctx.processes.place(&entry)?;
            let (_, hash) = attempt.ctx.processes.ids.make()?;
            let running = attempt.launch(&mut plan, &enrolled).await?;
            let child = attempt.child(&mut plan, running, hash.mark(), Slot(enrolled, place));
            let who = entry.call().principal().cloned();
            let handle = ProcessHandle::new(who, Hold::Owned(Some(child.clone())));
            let limit = table.max_capacity() as u64;
            // The handle that finds no place is dropped, and with it the child.
            let pushed = table.push(handle);
            let handle = pushed.map_err(|_| Error::TooMany { what: "handles of an instance", limit })?;
            Ok::<_, Error>((handle, child))
        };
        let (handle, child) = entry.run_always_async(marked(&entry, work)).await?;
        self.ctx.own(&child);
        Ok(handle)
    }

    /// Starts a child that outlives the instance; its id.
    ///
    /// # Errors
    /// As [`ProcessCtxView::spawn_background`], too many ids, and what a host cannot keep.
    pub async fn spawn_persistent(&mut self, request: SpawnRequest) -> Result<String, Error> {
        let entry = self.host.enter(&SPAWN_PERSISTENT);
        let attempt = Attempt { ctx: &*self.ctx, entry: &entry, tier: Tier::Persistent };
        let work = async {
            let mut plan = attempt.plan(request)?;
            let processes = &attempt.ctx.processes;
            let enrolled = attempt.enrol()?;
            let share = processes.retain(&entry)?;
            let place = processes.place(&entry)?;
            let (id, hash) = processes.ids.make()?;
            let text = id.as_str().to_owned();
            let running = attempt.launch(&mut plan, &enrolled).await?;
            let stop = enrolled.stop().clone();
            let child = attempt.child(&mut plan, running, hash.mark(), Slot(enrolled, place));
            let words = [&plan.command.program].into_iter().chain(&plan.command.args).map(String::as_str);
            let command = words.collect::<Vec<_>>().join(" ");
            let kept = processes.keep(Keep { id, hash, command, terms: plan.keep, share }, child);
            if stop.standing() != Standing::Live {
                // Everything of the principal or the load was ended just now, and this one was not on its list.
                kept.child.kill(Reason::Killed);
                processes.registry.remove(&kept);
                return Err(Error::Stopped);
            }
            Ok(text)
        };
        entry.run_always_async(marked(&entry, work)).await
    }
}

impl Attempt<'_> {
    /// What runs becomes a child that somebody holds.
    fn child(&self, plan: &mut Plan, running: Running, mark: String, slot: Slot) -> Arc<Child> {
        self.entry.fact("process", || mark.clone());
        let live = Enrolled::live(&slot.0);
        let child = Child::begin(Start {
            owner: self.owner(),
            mark,
            label: plan.keep.label.as_str().to_owned(),
            running,
            stdin_stays_open: plan.stdin_stays_open(self.tier),
            prelude: plan.prelude.take(),
            most_stdin: self.ctx.processes.most_stdin,
            ring: plan.keep.ring,
            overflow: plan.keep.overflow,
            slot,
            events: self.ctx.processes.events.clone(),
        });
        live.became(&child);
        child
    }
}

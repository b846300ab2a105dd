//! One call of a handler, from admission to result.

use std::pin::pin;

use astrid_guest::{CallError, CapsuleResult, Hook, HookOutcome, PayloadKind, ended_hook};
use astrid_host_context::{Invocation, Principal, Standing};
use astrid_principals::{Admission, Desk};
use bytes::Bytes;
use tokio::time::Instant;

use super::engine::WasmEngine;
use super::store::{Instance, Template};
use super::trap;
use crate::cpu::metered;
use crate::pool::{Lease, Mode, Unavailable};
use crate::principal::{disabled, open_desk, whom};
use crate::{HandlerResult, Invoker};

/// An instance on loan to one call.
type Lent<'a> = Lease<'a, Instance>;

impl WasmEngine {
    /// Runs the handler of `action` for `caller`, or as the capsule's owner. Whatever goes wrong is a deny with
    /// this text, so that a chain stops closed.
    #[expect(
        clippy::manual_async_fn,
        reason = "an async fn keeps its arguments twice in a future that every call copies"
    )]
    pub(crate) fn invoke<'a>(
        &'a self,
        action: &'a str,
        payload: Bytes,
        caller: Option<&'a Invoker>,
    ) -> impl Future<Output = Result<HandlerResult, String>> + 'a {
        async move {
            let now = Instant::now();
            let Template { principals, idle, .. } = &self.parts.template;
            let who = whom(caller, idle)?;
            // What waits is boxed: it is rare, and every call would carry its future.
            let (held, desk) = match self.at_hand(who, now) {
                Some((lease, desk)) => (Some(lease), desk),
                None => (None, Box::pin(self.look_up(who)).await?),
            };
            let quotas = &desk.profile.quotas;
            // From before admission, so that waiting spends the same budget as running.
            let deadline = (!self.parts.is_uplink).then(|| now + quotas.timeout());
            let admitted = held.as_ref().and_then(|_| desk.fuel.try_admit(desk.rate, now));
            // Assigned one by one: a pair would be written into the future and read back at once.
            let (mut lease, mut admission);
            match (held, admitted) {
                (Some(held), Some(admitted)) => (lease, admission) = (held, admitted),
                (held, _) => {
                    // Nobody holds an instance while it waits for something else.
                    held.into_iter().for_each(Lease::give_back);
                    (lease, admission) = Box::pin(self.wait_for_turn(who, &desk, deadline)).await?;
                }
            }
            let instance = lease.item();
            let fuel = principals.fuel.per_invocation();
            let fresh = begin(instance, who, caller, deadline, &desk, fuel, admission.interval());
            // Only these capsules start processes.
            if self.parts.mode == Mode::Sticky {
                name_call(instance, &payload);
            }
            let Instance { store, guest, gauge, .. } = &mut *instance;
            let answer = match fresh.and_then(|()| guest.hook()) {
                Ok(hook) => {
                    let hook: &Hook<'_> = hook;
                    let place = desk.places.turn(self.id(), quotas.max_in_flight_calls);
                    let call = pin!(hook.call_async(&mut *store, (action, &*payload)));
                    let answer = metered(call, fuel, gauge, &mut admission, place).await;
                    answer.map(|(answer,)| answer).map_err(ended_hook)
                }
                Err(error) => Err(error),
            };
            let burnt = fuel.saturating_sub(instance.store.get_fuel().unwrap_or(0));
            admission.settle(burnt);
            let held = instance.store.data().meter.bytes();
            // An instance is one principal's for good, so what it held before was noted then.
            if let Some(who) = who.filter(|_| held > instance.sampled) {
                principals.memory.sample(who, held);
                instance.sampled = held;
            }
            let answer = answer.map_err(|error| {
                tracing::error!(target: "astrid.capsule", capsule = %self.id(), action, error = ?error, "handler failed");
                self.count(&error);
                trap::reason(&error, quotas.timeout(), who)
            })?;
            // A guest that had the time to answer for a principal who is gone answers nobody.
            if instance.store.data().call.standing() == Standing::Retired {
                return Err(disabled(who));
            }
            instance.store.data_mut().clear(self.parts.mode);
            instance.desk = Some(desk);
            lease.give_back();
            self.traps.answered();
            Ok(self.judge(answer))
        }
    }

    fn count(&self, error: &CallError) {
        if trap::is_the_guests(error) && self.traps.trapped() {
            tracing::error!(target: "astrid.capsule", capsule = %self.id(), "handlers do nothing but fail: the capsule is degraded");
        }
    }

    /// An idle instance of `who` with what its last call looked up, if nothing of that has changed since.
    fn at_hand(&self, who: Option<&Principal>, now: Instant) -> Option<(Lent<'_>, Box<Desk>)> {
        let mut lease = self.pool.take(who)?;
        match lease.item().desk.take() {
            Some(desk) if desk.is_current(&self.parts.template.principals, now) => Some((lease, desk)),
            _ => {
                lease.give_back();
                None
            }
        }
    }

    async fn look_up(&self, who: Option<&Principal>) -> Result<Box<Desk>, String> {
        let Template { principals, logs, .. } = &self.parts.template;
        open_desk(who, principals, &self.parts.tokens, logs).await
    }

    async fn wait_for_turn<'a, 'd>(
        &'a self,
        who: Option<&Principal>,
        desk: &'d Desk,
        deadline: Option<Instant>,
    ) -> Result<(Lent<'a>, Admission<'d>), String> {
        let admission = desk.fuel.admit(desk.rate, deadline).await.ok_or_else(|| {
            let who = who.map_or("nobody", Principal::as_str);
            let rate = desk.profile.quotas.max_cpu_fuel_per_sec;
            format!("principal '{who}' is over its CPU budget of {rate} fuel/s")
        })?;
        let lease = self.pool.checkout(who, deadline).await.map_err(|e| self.unavailable(e))?;
        Ok((lease, admission))
    }

    fn unavailable(&self, error: Unavailable<wasmtime::Error>) -> String {
        match error {
            Unavailable::Timeout => "no instance became free before the deadline".to_owned(),
            Unavailable::Limit => "capsule is at its instance limit".to_owned(),
            Unavailable::Closed => "capsule is stopping".to_owned(),
            Unavailable::Make(error) => {
                tracing::error!(target: "astrid.capsule", capsule = %self.id(), error = ?error, "no instance could be made");
                "interceptor failed".to_owned()
            }
        }
    }

    fn judge(&self, answer: CapsuleResult) -> HandlerResult {
        match HookOutcome::from_result(answer, PayloadKind::Json) {
            HookOutcome::Continue { replacement } => {
                HandlerResult::Continue(replacement.unwrap_or_default().into())
            }
            HookOutcome::Final { response } => HandlerResult::Final(response.unwrap_or_default().into()),
            HookOutcome::Deny { reason } => HandlerResult::Deny { reason },
            HookOutcome::Unknown { action } => {
                self.warn_unknown(&action);
                HandlerResult::Continue(Bytes::new())
            }
        }
    }
}

/// Tells the store which call of a tool it serves. Out of line: all other capsules' calls go past it.
#[cold]
#[inline(never)]
fn name_call(instance: &mut Instance, payload: &[u8]) {
    instance.store.data_mut().domains.process.set_call_id(crate::process::call_id(payload).as_deref());
}

/// Puts everything of one call into the store.
fn begin(
    instance: &mut Instance,
    who: Option<&Principal>,
    caller: Option<&Invoker>,
    deadline: Option<Instant>,
    desk: &Desk,
    fuel: u64,
    interval: u64,
) -> Result<(), CallError> {
    let Instance { store, gauge, numbers, interval: told, .. } = instance;
    let state = store.data_mut();
    state.begin(Invocation {
        principal: who,
        caller: caller.map(|invoker| &invoker.caller),
        deadline,
        cancellation: &desk.token,
        number: numbers.next(),
    });
    state.meter.retarget(desk.profile.quotas.max_memory_bytes);
    gauge.set(fuel);
    store.set_epoch_deadline(1);
    // An interval stays, and telling it sets the fuel once more.
    if *told != interval {
        store.fuel_async_yield_interval(Some(interval)).map_err(ended_hook)?;
        *told = interval;
    }
    store.set_fuel(fuel).map_err(ended_hook)
}

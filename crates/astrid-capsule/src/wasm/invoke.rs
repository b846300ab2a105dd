//! One call of a handler, from admission to result.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use astrid_guest::{CallError, CapsuleResult, HookOutcome, PayloadKind};
use astrid_host_context::{CallContext, Caller, Cancellation, Principal, Standing};
use astrid_principals::Admission;
use bytes::Bytes;
use tokio::time::Instant;

use super::engine::WasmEngine;
use super::epoch::{EpochRule, EpochState};
use super::store::{Instance, Template};
use super::trap;
use crate::cpu::metered;
use crate::pool::Unavailable;
use crate::principal::{Served, disabled};
use crate::{HandlerResult, Invoker};

static INVOCATIONS: AtomicU64 = AtomicU64::new(1);

impl WasmEngine {
    /// Runs the handler of `action`. Whatever goes wrong is a deny, so that a chain stops closed.
    pub(super) async fn invoke(
        &self,
        action: &str,
        payload: &Bytes,
        caller: Option<Invoker>,
    ) -> HandlerResult {
        match self.try_invoke(action, payload, caller).await {
            Ok(result) => result,
            Err(reason) => HandlerResult::Deny { reason },
        }
    }

    async fn try_invoke(
        &self,
        action: &str,
        payload: &Bytes,
        caller: Option<Invoker>,
    ) -> Result<HandlerResult, String> {
        let begun = Instant::now();
        let Template { principals, logs, idle, .. } = &self.parts.template;
        let mut served = Served::resolve(caller, idle, principals, logs).await?;
        let message = served.caller.take();
        let who = served.principal.as_ref();
        let token = self.parts.tokens.of(who, served.generation);
        served.check(&token)?;
        // From before admission, so that waiting spends the same budget as running.
        let deadline = (!self.parts.is_uplink).then(|| begun + served.timeout());
        let mut admission = self.admit(&served, deadline).await?;
        let mut lease = self.pool.checkout(who, deadline).await.map_err(|e| self.unavailable(e))?;
        let Some(instance) = lease.item() else { return Err("interceptor failed".to_owned()) };

        let context = context(instance, who, message, token.clone(), deadline);
        let answer = self.call(instance, context, action, payload, &served, &mut admission).await;
        let burnt = principals.fuel.per_invocation().saturating_sub(instance.store.get_fuel().unwrap_or(0));
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
            trap::reason(&error, served.timeout(), who)
        })?;
        // A guest that had the time to answer for a principal who is gone answers nobody.
        if instance.store.data().call.standing() == Standing::Retired {
            return Err(disabled(who));
        }
        instance.store.data_mut().clear(self.parts.mode);
        lease.give_back();
        self.traps.answered();
        Ok(self.judge(answer))
    }

    fn count(&self, error: &CallError) {
        if trap::is_the_guests(error) && self.traps.trapped() {
            tracing::error!(target: "astrid.capsule", capsule = %self.id(), "handlers do nothing but fail: the capsule is degraded");
        }
    }

    async fn admit(&self, served: &Served, deadline: Option<Instant>) -> Result<Admission, String> {
        let (who, rate) = (served.principal.as_ref(), served.fuel());
        self.parts.template.principals.fuel.admit(who, rate, deadline).await.ok_or_else(|| {
            let who = who.map_or("nobody", Principal::as_str);
            format!("principal '{who}' is over its CPU budget of {} fuel/s", rate.per_second)
        })
    }

    async fn call(
        &self,
        instance: &mut Instance,
        context: CallContext,
        action: &str,
        payload: &Bytes,
        served: &Served,
        admission: &mut Admission,
    ) -> Result<CapsuleResult, CallError> {
        let ended = |source| CallError::Ended { export: astrid_guest::HOOK, source };
        let Instance { store, guest, .. } = instance;
        let principals = &self.parts.template.principals;
        let state = store.data_mut();
        let deadline = context.deadline();
        state.call.replace(context);
        state.meter.retarget(served.quotas.max_memory_bytes);
        state.epoch = EpochState::new(EpochRule::Invocation { deadline });
        let fuel = principals.fuel.per_invocation();
        let gauge = Arc::clone(&state.gauge);
        gauge.set(fuel);
        store.set_epoch_deadline(1);
        store.set_fuel(fuel).map_err(ended)?;
        store.fuel_async_yield_interval(Some(admission.interval())).map_err(ended)?;
        let places = served.quotas.max_in_flight_calls;
        let place = principals.in_flight.turn(served.principal.as_ref(), self.id(), places);
        metered(guest.call_hook(store, action, payload), fuel, &gauge, admission, place).await
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

fn context(
    instance: &Instance,
    who: Option<&Principal>,
    message: Option<Caller>,
    token: Cancellation,
    deadline: Option<Instant>,
) -> CallContext {
    let idle = instance.store.data().call.to_builder();
    let context = idle
        .cancellation(token)
        .caller(message)
        .deadline(deadline)
        .invocation(INVOCATIONS.fetch_add(1, Ordering::Relaxed));
    match who {
        Some(principal) => context.principal(principal.clone()),
        None => context,
    }
    .build()
}

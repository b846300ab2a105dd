//! One call of a handler, from admission to result.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use astrid_guest::{CallError, CapsuleResult, HookOutcome, PayloadKind};
use astrid_host_context::{CallContext, Caller, Principal, Standing};
use bytes::Bytes;
use tokio::time::Instant;

use super::engine::WasmEngine;
use super::epoch::{EpochRule, EpochState};
use super::store::Instance;
use super::trap;
use crate::cpu::{Admission, metered};
use crate::pool::Unavailable;
use crate::{HandlerResult, Invoker};

/// Calls of one principal that run at once and share its second of fuel (principals chapter §5).
const IN_FLIGHT: u64 = 4;

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
        let timeout = self.parts.timeout;
        // Before admission, so that waiting spends the same budget as running.
        let deadline = (!self.parts.is_uplink).then(|| Instant::now() + timeout);
        let owner = || self.parts.template.idle.principal().cloned();
        let (principal, caller) = match caller {
            Some(Invoker { caller, authority }) => (authority.or_else(owner), Some(caller)),
            None => (owner(), None),
        };
        let mut admission = self.admit(principal.as_ref(), deadline).await?;
        let mut lease =
            self.pool.checkout(principal.as_ref(), deadline).await.map_err(|e| self.unavailable(e))?;
        let Some(instance) = lease.item() else { return Err("interceptor failed".to_owned()) };

        let context = self.context(instance, principal.clone(), caller, deadline);
        let answer = self.call(instance, context, action, payload, deadline, &mut admission).await;
        let burnt = self.parts.fuel.per_invocation().saturating_sub(instance.store.get_fuel().unwrap_or(0));
        admission.settle(burnt);
        let answer = answer.map_err(|error| {
            tracing::error!(target: "astrid.capsule", capsule = %self.id(), action, error = ?error, "handler failed");
            trap::reason(&error, timeout, principal.as_ref())
        })?;
        // A guest that had the time to answer for a principal who is gone answers nobody.
        if instance.store.data().call.standing() == Standing::Retired {
            return Err(trap::retired(principal.as_ref()));
        }
        instance.store.data_mut().clear();
        lease.give_back();
        Ok(self.judge(answer))
    }

    async fn admit(&self, who: Option<&Principal>, deadline: Option<Instant>) -> Result<Admission, String> {
        self.parts.fuel.admit(who, IN_FLIGHT, deadline).await.ok_or_else(|| {
            let who = who.map_or("nobody", Principal::as_str);
            format!("principal '{who}' is over its CPU budget of {} fuel/s", self.parts.fuel.per_second())
        })
    }

    fn context(
        &self,
        instance: &Instance,
        principal: Option<Principal>,
        caller: Option<Caller>,
        deadline: Option<Instant>,
    ) -> CallContext {
        let idle = &instance.store.data().call;
        let mut context = idle
            .to_builder()
            .cancellation(self.parts.tokens.of(principal.as_ref()))
            .caller(caller)
            .deadline(deadline)
            .invocation(INVOCATIONS.fetch_add(1, Ordering::Relaxed));
        if let Some(principal) = principal {
            context = context.principal(principal);
        }
        context.build()
    }

    async fn call(
        &self,
        instance: &mut Instance,
        context: CallContext,
        action: &str,
        payload: &Bytes,
        deadline: Option<Instant>,
        admission: &mut Admission,
    ) -> Result<CapsuleResult, CallError> {
        let ended = |source| CallError::Ended { export: astrid_guest::HOOK, source };
        let Instance { store, guest } = instance;
        let state = store.data_mut();
        state.call.replace(context);
        state.meter.retarget(self.parts.template.max_memory_bytes);
        state.epoch = EpochState::new(EpochRule::Invocation { deadline });
        let fuel = self.parts.fuel.per_invocation();
        let gauge = Arc::clone(&state.gauge);
        gauge.set(fuel);
        store.set_epoch_deadline(1);
        store.set_fuel(fuel).map_err(ended)?;
        store.fuel_async_yield_interval(Some(admission.interval())).map_err(ended)?;
        metered(guest.call_hook(store, action, payload), fuel, &gauge, admission).await
    }

    fn unavailable(&self, error: Unavailable<wasmtime::Error>) -> String {
        match error {
            Unavailable::Timeout => "no instance became free before the deadline".to_owned(),
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

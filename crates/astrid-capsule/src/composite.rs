//! A capsule as a whole: its manifest, its engines, its state.

use std::future::ready;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use astrid_capsule_manifest::{Binding, CapsuleManifest};
use astrid_host_context::{Principal, Uuid};
use astrid_host_uplink::{Endpoint, InboundRx};
use bytes::Bytes;
use futures_util::FutureExt;
use parking_lot::Mutex;
use tokio::time::Instant;

use crate::capsule::BoxFuture;
use crate::wasm::WasmEngine;
use crate::{
    Capsule, CapsuleError, Code, Exclusive, HandlerResult, Invoker, Readiness, State, Timings,
    ToolDescriptor, tools,
};

/// Action every SDK guest with tools understands, whether or not its manifest binds it.
const DESCRIBE: &str = tools::DESCRIBE;

pub(crate) const READY: u8 = 0;
const UNLOADING: u8 = 1;
const UNLOADED: u8 = 2;

/// Everything one capsule consists of. A capsule without a component has no program and no handlers.
pub(crate) struct CompositeCapsule {
    pub(crate) manifest: CapsuleManifest,
    pub(crate) uuid: Uuid,
    pub(crate) wasm: Option<WasmEngine>,
    pub(crate) timings: Timings,
    /// [`READY`], [`UNLOADING`] or [`UNLOADED`]; what can go wrong meanwhile is asked of the engine.
    pub(crate) phase: AtomicU8,
    pub(crate) tools: Mutex<Option<Vec<ToolDescriptor>>>,
}

impl CompositeCapsule {
    fn refused(&self, code: Code, problem: impl std::fmt::Display) -> CapsuleError {
        CapsuleError::of(self.id(), code, problem)
    }

    /// What handles `action`, which only a binding makes a handler.
    fn handler(&self, action: &str) -> Result<&WasmEngine, CapsuleError> {
        self.ready()?;
        let bound = action == DESCRIBE || self.manifest.bindings.iter().any(|b| b.action == action);
        match &self.wasm {
            Some(wasm) if bound && wasm.has_handlers() => Ok(wasm),
            _ => {
                let bindings = &self.manifest.bindings;
                let known: Vec<_> = bindings.iter().map(|binding| binding.action.as_str()).collect();
                Err(self.refused(
                    Code::NotSupported,
                    format!("has no handler {action:?}; allowed: {}", known.join(", ")),
                ))
            }
        }
    }

    fn ready(&self) -> Result<(), CapsuleError> {
        if self.phase.load(Ordering::Acquire) == READY {
            return Ok(());
        }
        Err(self.refused(Code::NotReady, "is not ready"))
    }
}

/// What the handler says, if there is one. Two plain steps around the engine's future: an async block around it
/// would be a second state machine that every call goes through.
fn answer<'a>(
    handler: Result<&'a WasmEngine, CapsuleError>,
    action: &'a str,
    payload: Bytes,
    caller: Option<&'a Invoker>,
) -> BoxFuture<'a, Result<HandlerResult, CapsuleError>> {
    match handler {
        Ok(wasm) => Box::pin(wasm.invoke(action, payload, caller).map(|answer| {
            // Whatever goes wrong is a deny, so that a chain stops closed.
            Ok(answer.unwrap_or_else(|reason| HandlerResult::Deny { reason }))
        })),
        Err(error) => Box::pin(ready(Err(error))),
    }
}

impl Capsule for CompositeCapsule {
    fn id(&self) -> &str {
        &self.manifest.package.name
    }

    fn manifest(&self) -> &CapsuleManifest {
        &self.manifest
    }

    fn source_uuid(&self) -> Uuid {
        self.uuid
    }

    fn state(&self) -> State {
        let wasm = match (self.phase.load(Ordering::Acquire), &self.wasm) {
            (READY, Some(wasm)) => wasm,
            (READY, None) => return State::Ready,
            (UNLOADING, _) => return State::Unloading,
            _ => return State::Unloaded,
        };
        match (wasm.failure(), wasm.degraded()) {
            (Some(reason), _) => State::Failed(reason),
            (None, Some(reason)) => State::Degraded(reason),
            (None, None) => State::Ready,
        }
    }

    fn bindings(&self) -> &[Binding] {
        &self.manifest.bindings
    }

    fn timings(&self) -> &Timings {
        &self.timings
    }

    fn invoke_interceptor<'a>(
        &'a self,
        action: &'a str,
        payload: Bytes,
        caller: Option<&'a Invoker>,
    ) -> BoxFuture<'a, Result<HandlerResult, CapsuleError>> {
        answer(self.handler(action), action, payload, caller)
    }

    fn run_job<'a>(
        &'a self,
        action: &'a str,
        payload: Bytes,
        caller: Option<&'a Invoker>,
    ) -> BoxFuture<'a, Result<HandlerResult, CapsuleError>> {
        let handler = self.ready().and_then(|()| {
            let wasm = self.wasm.as_ref().filter(|wasm| wasm.has_handlers());
            wasm.ok_or_else(|| self.refused(Code::NotSupported, "has no handlers"))
        });
        answer(handler, action, payload, caller)
    }

    fn tools(&self) -> Option<Vec<ToolDescriptor>> {
        self.tools.lock().clone()
    }

    fn discover_tools(&self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            let described = tools::describe(self).await;
            *self.tools.lock() = described;
        })
    }

    fn uplinks(&self) -> Vec<Arc<Endpoint>> {
        self.wasm.as_ref().map(WasmEngine::uplinks).unwrap_or_default()
    }

    fn note_outbound(&self, session: &str, text: &str) {
        if let Some(wasm) = &self.wasm {
            wasm.note_outbound(session, text);
        }
    }

    fn take_inbound_rx(&self) -> Option<InboundRx> {
        self.wasm.as_ref().and_then(WasmEngine::take_inbound_rx)
    }

    fn activate(&self) {
        if let Some(wasm) = &self.wasm {
            wasm.activate();
        }
    }

    fn wait_ready(&self, timeout: Duration) -> BoxFuture<'_, Readiness> {
        Box::pin(async move {
            match &self.wasm {
                Some(wasm) => wasm.wait_ready(timeout).await,
                None => Readiness::Ready,
            }
        })
    }

    fn exclusive(&self, patience: Duration) -> BoxFuture<'_, Result<Exclusive, CapsuleError>> {
        Box::pin(async move {
            let Some(wasm) = &self.wasm else { return Ok(Exclusive::default()) };
            let until = Instant::now() + patience;
            let problem = || format!("a handler still runs after {patience:?}");
            wasm.exclusive(until).await.ok_or_else(|| self.refused(Code::Timeout, problem()))
        })
    }

    fn cancel_principal(&self, principal: &Principal) {
        if let Some(wasm) = &self.wasm {
            wasm.cancel_principal(principal);
        }
    }

    fn unload(&self) -> BoxFuture<'_, Result<(), CapsuleError>> {
        Box::pin(async move {
            if self.phase.swap(UNLOADING, Ordering::AcqRel) == READY
                && let Some(wasm) = &self.wasm
            {
                wasm.unload().await;
            }
            self.phase.store(UNLOADED, Ordering::Release);
            Ok(())
        })
    }
}

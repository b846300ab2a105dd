//! A capsule's own loop: one store, running from activation to unload.

use std::sync::Arc;
use std::time::Duration;

use astrid_guest::CallError;
use astrid_host_context::CallKind;
use astrid_principals::Tokens;
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::epoch::{EpochRule, EpochState};
use super::store::{Template, YIELD_FUEL};
use crate::Readiness;
use crate::cpu::Stop;
use crate::engine::TICK;

/// Ticks of a CPU window at most: five seconds (engines chapter §5).
const MAX_WINDOW: u32 = 50;

/// How the loop is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Status {
    Idle,
    Running,
    /// It was a placeholder: it returned without one host call.
    Placeholder,
    Failed(String),
    Stopped,
}

pub(super) struct RunLoop {
    ready: watch::Receiver<bool>,
    status: Arc<watch::Sender<Status>>,
    task: Mutex<Option<JoinHandle<()>>>,
}

impl RunLoop {
    pub(super) fn new(ready: watch::Receiver<bool>) -> Self {
        Self { ready, status: Arc::new(watch::Sender::new(Status::Idle)), task: Mutex::default() }
    }

    /// Starts the loop once; a second start does nothing.
    pub(super) fn start(&self, template: Template, tokens: Arc<Tokens>, timeout: Duration) {
        let mut task = self.task.lock();
        if task.is_some() {
            return;
        }
        self.status.send_replace(Status::Running);
        let status = self.status.clone();
        *task = Some(tokio::spawn(async move {
            let capsule = template.idle.capsule().clone();
            let end = run(&template, &tokens, timeout).await;
            if let Status::Failed(reason) = &end {
                tracing::error!(target: "astrid.capsule", %capsule, reason, "run loop ended");
            }
            status.send_replace(end);
        }));
    }

    pub(super) async fn wait_ready(&self, timeout: Duration) -> Readiness {
        let (mut ready, mut status) = (self.ready.clone(), self.status.subscribe());
        let signalled = async {
            // The sender lives in the capsule's own state; without it nothing will ever be signalled.
            if ready.wait_for(|ready| *ready).await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        let ended = async {
            let ended = |status: &Status| !matches!(status, Status::Idle | Status::Running);
            status.wait_for(ended).await.map_or(Status::Stopped, |status| status.clone())
        };
        tokio::select! {
            biased;
            () = signalled => Readiness::Ready,
            end = ended => match end {
                Status::Placeholder => Readiness::Ready,
                _ => Readiness::Crashed,
            },
            () = tokio::time::sleep(timeout) => Readiness::Timeout,
        }
    }

    pub(super) fn failure(&self) -> Option<String> {
        match &*self.status.borrow() {
            Status::Failed(reason) => Some(reason.clone()),
            _ => None,
        }
    }

    /// Waits for the cancelled loop, and drops it when it takes longer than `grace`.
    pub(super) async fn stop(&self, grace: Duration) {
        let Some(mut task) = self.task.lock().take() else { return };
        if tokio::time::timeout(grace, &mut task).await.is_err() {
            task.abort();
            // Joined so that the store is gone when this returns; the abort itself is the result.
            let _ = task.await;
        }
        self.status.send_replace(Status::Stopped);
    }
}

async fn run(template: &Template, tokens: &Arc<Tokens>, timeout: Duration) -> Status {
    let mut instance = match template.instantiate().await {
        Ok(instance) => instance,
        Err(error) => return Status::Failed(format!("run loop could not be instantiated: {error:#}")),
    };
    let owner = template.idle.principal().cloned();
    let state = instance.store.data_mut();
    // Held for as long as the loop runs; an owner who is revoked now gets a token that has fired.
    let token = tokens.of(owner.as_ref(), 0);
    let context = state.call.to_builder().kind(CallKind::RunLoop).cancellation(token.clone()).build();
    let progress = context.progress().clone();
    state.call.replace(context);
    state.epoch = EpochState::new(EpochRule::RunLoop { window: window(timeout), exempt: false });
    let unlimited = instance.store.set_fuel(u64::MAX);
    let yields = instance.store.fuel_async_yield_interval(Some(YIELD_FUEL));
    if let Err(error) = unlimited.and(yields) {
        return Status::Failed(format!("run loop could not be started: {error:#}"));
    }
    match instance.guest.call_run(&mut instance.store).await {
        _ if tokens.capsule().standing() != astrid_host_context::Standing::Live => Status::Stopped,
        Ok(()) if !progress.has_called() => Status::Placeholder,
        Ok(()) => Status::Failed("run loop exited".to_owned()),
        Err(CallError::Ended { source, .. }) => Status::Failed(match source.downcast_ref::<Stop>() {
            Some(stop) => stop.to_string(),
            None => format!("run loop trapped: {}", source.root_cause()),
        }),
        Err(error) => Status::Failed(error.to_string()),
    }
}

fn window(timeout: Duration) -> u32 {
    let ticks = timeout.as_millis() / TICK.as_millis();
    u32::try_from(ticks).unwrap_or(MAX_WINDOW).clamp(1, MAX_WINDOW)
}

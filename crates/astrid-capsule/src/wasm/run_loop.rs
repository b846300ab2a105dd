//! A capsule's own loop: a store for each worker, running from activation to unload.

use std::sync::Arc;
use std::time::Duration;

use astrid_guest::CallError;
use astrid_host_context::{CallKind, Standing};
use astrid_principals::Tokens;
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::epoch::{EpochRule, EpochState};
use super::store::{Template, YIELD_FUEL};
use crate::cpu::Stop;
use crate::engine::TICK;
use crate::{Exempt, Readiness};

/// Ticks of a CPU window at most: five seconds (engines chapter §5).
const MAX_WINDOW: u32 = 50;
const EXITED: &str = "run loop exited";

/// How a capsule's loop is run.
#[derive(Clone)]
pub(crate) struct RunSettings {
    /// Stores that run it side by side.
    pub(crate) workers: usize,
    /// There is more to the capsule than its loop, so that it may come to an end.
    pub(crate) has_handlers: bool,
    pub(crate) exempt: Arc<dyn Exempt>,
}

/// How the loop is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Status {
    Idle,
    Running,
    /// It was a placeholder: it returned without one host call.
    Placeholder,
    /// It came to its end, and the capsule goes on without it.
    Ended,
    Failed(String),
    Stopped,
}

/// How one worker ended.
enum End {
    Placeholder,
    Returned,
    Failed(String),
    Stopped,
}

pub(super) struct RunLoop {
    ready: watch::Receiver<bool>,
    settings: RunSettings,
    status: Arc<watch::Sender<Status>>,
    tasks: Mutex<Vec<JoinHandle<()>>>,
}

impl RunLoop {
    pub(super) fn new(ready: watch::Receiver<bool>, settings: RunSettings) -> Self {
        Self { ready, settings, status: Arc::new(watch::Sender::new(Status::Idle)), tasks: Mutex::default() }
    }

    /// Starts the loop once; a second start does nothing.
    pub(super) fn start(&self, template: &Template, tokens: &Arc<Tokens>, timeout: Duration) {
        let mut tasks = self.tasks.lock();
        if !matches!(*self.status.borrow(), Status::Idle) {
            return;
        }
        self.status.send_replace(Status::Running);
        let exempt = template.idle.principal().is_some_and(|owner| self.settings.exempt.is_exempt(owner));
        let rule = EpochRule::RunLoop { window: window(timeout), exempt };
        let left = Arc::new(Mutex::new(self.settings.workers));
        for _ in 0..self.settings.workers {
            let (template, tokens) = (template.clone(), tokens.clone());
            let judge = Judge {
                left: left.clone(),
                status: self.status.clone(),
                ready: self.ready.clone(),
                has_handlers: self.settings.has_handlers,
            };
            tasks.push(tokio::spawn(async move {
                let end = run(&template, &tokens, rule).await;
                if let Some(reason) = judge.ended(end) {
                    let capsule = template.idle.capsule();
                    tracing::error!(target: "astrid.capsule", %capsule, reason, "run loop ended");
                }
            }));
        }
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
        let tasks = {
            let mut tasks = self.tasks.lock();
            std::mem::take(&mut *tasks)
        };
        let until = Instant::now() + grace;
        for mut task in tasks {
            if tokio::time::timeout_at(until, &mut task).await.is_err() {
                task.abort();
                // Joined so that the store is gone when this returns; the abort itself is the result.
                let _ = task.await;
            }
        }
        self.status.send_replace(Status::Stopped);
    }
}

/// What the end of one worker means for the capsule.
struct Judge {
    left: Arc<Mutex<usize>>,
    status: Arc<watch::Sender<Status>>,
    ready: watch::Receiver<bool>,
    has_handlers: bool,
}

impl Judge {
    /// The reason, if the capsule failed by it.
    fn ended(&self, end: End) -> Option<String> {
        let is_last = {
            let mut left = self.left.lock();
            *left = left.saturating_sub(1);
            *left == 0
        };
        let next = match end {
            End::Failed(reason) => Status::Failed(reason),
            End::Stopped => Status::Stopped,
            // While others run, nothing is missing.
            End::Placeholder | End::Returned if !is_last => return None,
            End::Placeholder => Status::Placeholder,
            End::Returned if self.has_handlers && *self.ready.borrow() => Status::Ended,
            End::Returned => Status::Failed(EXITED.to_owned()),
        };
        let reason = if let Status::Failed(reason) = &next { Some(reason.clone()) } else { None };
        // The first failure is the one to report; what follows from it is not news.
        self.status.send_if_modified(|status| {
            let first = !matches!(status, Status::Failed(_));
            if first {
                *status = next;
            }
            first
        });
        reason
    }
}

async fn run(template: &Template, tokens: &Arc<Tokens>, rule: EpochRule) -> End {
    let mut instance = match template.instantiate().await {
        Ok(instance) => instance,
        Err(error) => return End::Failed(format!("run loop could not be instantiated: {error:#}")),
    };
    let owner = template.idle.principal().cloned();
    let state = instance.store.data_mut();
    // Held for as long as the loop runs; an owner who is revoked now gets a token that has fired.
    let token = tokens.of(owner.as_ref(), 0);
    let context = state.call.to_builder().kind(CallKind::RunLoop).cancellation(token.clone()).build();
    let progress = context.progress().clone();
    state.call.replace(context);
    state.epoch = EpochState::new(rule);
    let unlimited = instance.store.set_fuel(u64::MAX);
    let yields = instance.store.fuel_async_yield_interval(Some(YIELD_FUEL));
    if let Err(error) = unlimited.and(yields) {
        return End::Failed(format!("run loop could not be started: {error:#}"));
    }
    match instance.guest.call_run(&mut instance.store).await {
        _ if tokens.capsule().standing() != Standing::Live => End::Stopped,
        Ok(()) if !progress.has_called() => End::Placeholder,
        Ok(()) => End::Returned,
        Err(CallError::Ended { source, .. }) => End::Failed(match source.downcast_ref::<Stop>() {
            Some(stop) => stop.to_string(),
            None => format!("run loop trapped: {}", source.root_cause()),
        }),
        Err(error) => End::Failed(error.to_string()),
    }
}

fn window(timeout: Duration) -> u32 {
    let ticks = timeout.as_millis() / TICK.as_millis();
    u32::try_from(ticks).unwrap_or(MAX_WINDOW).clamp(1, MAX_WINDOW)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(workers: usize, is_ready: bool, has_handlers: bool) -> Judge {
        let (_, ready) = watch::channel(is_ready);
        let status = Arc::new(watch::Sender::new(Status::Running));
        Judge { left: Arc::new(Mutex::new(workers)), status, ready, has_handlers }
    }

    // engines chapter §5
    #[test]
    fn a_loop_may_end_after_its_signal_in_a_capsule_that_has_handlers_and_nowhere_else() {
        for (is_ready, has_handlers, fails) in
            [(true, true, false), (true, false, true), (false, true, true), (false, false, true)]
        {
            let judge = judge(1, is_ready, has_handlers);
            assert_eq!(judge.ended(End::Returned).is_some(), fails, "{is_ready} {has_handlers}");
            let expected = if fails { Status::Failed(EXITED.to_owned()) } else { Status::Ended };
            assert_eq!(*judge.status.borrow(), expected);
        }
    }

    #[test]
    fn the_first_worker_that_fails_speaks_for_all_and_one_that_returns_for_none() {
        let judge = judge(3, true, false);
        assert_eq!(judge.ended(End::Returned), None);
        assert_eq!(*judge.status.borrow(), Status::Running);
        assert_eq!(judge.ended(End::Failed("trap".to_owned())), Some("trap".to_owned()));
        judge.ended(End::Returned);
        assert_eq!(*judge.status.borrow(), Status::Failed("trap".to_owned()));
    }
}

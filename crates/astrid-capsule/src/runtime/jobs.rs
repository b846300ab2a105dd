//! Cron for capsules: who is fired, what capsules ask for on the bus, when their jobs run.

use std::sync::Arc;

use astrid_cron::{BoxFuture, CronService, Firing, JobKey, NewJob, Outcome, Runner};
use astrid_dispatch::Dispatcher;
use astrid_event_bus::{AccessPattern, Bus, Charset, Message, Missed};
use astrid_host_context::{CapsuleId, Principal};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Inner;
use super::events::{announce_to, lifecycle};
use super::registry::Registry;
use crate::{Capsule, CapsuleError, HandlerResult, Invoker};

/// Below it capsules ask; the last segment is what for.
const REQUESTS: &str = "cron.v1.request";
/// Below it they are answered; reserved to the host.
pub(super) const RESPONSES: &str = "cron.v1.response";
/// Longest request id: with the topic before it, a response's topic stays within the bus's bound.
const MAX_REQUEST_ID: usize = 128;

/// Calls the actions of capsules, each in the queue of its principal.
pub(super) struct Actions {
    pub(super) registry: Arc<Registry>,
    pub(super) dispatcher: Arc<Dispatcher>,
    pub(super) bus: Bus,
}

impl Runner for Actions {
    fn fire(&self, firing: Firing) -> BoxFuture<'static, Outcome> {
        let (registry, dispatcher) = (self.registry.clone(), self.dispatcher.clone());
        Box::pin(async move {
            let Ok(who) = Principal::parse(&firing.key.principal) else {
                return Outcome::Failed("its principal is not valid".to_owned());
            };
            let found = registry.snapshot().reach(&firing.key.capsule, Some(&who)).map(|s| s.capsule.clone());
            let Some(capsule) = found else { return Outcome::NotNow("capsule is not loaded".to_owned()) };
            let (uuid, disabled) = (capsule.source_uuid(), format!("principal '{who}' is disabled"));
            let invoker = Invoker::verified(who.clone());
            let payload = firing.payload().to_string().into();
            let work = async move { capsule.run_job(&firing.action, payload, Some(&invoker)).await };
            match dispatcher.queued(uuid, Some(who), work).await {
                None => Outcome::NotNow("capsule was unloaded".to_owned()),
                Some(Ok(HandlerResult::Deny { reason })) if reason == disabled => Outcome::NotNow(reason),
                Some(Ok(HandlerResult::Deny { reason })) => Outcome::Failed(reason),
                Some(Ok(HandlerResult::Continue(_) | HandlerResult::Final(_))) => Outcome::Done,
                Some(Err(error)) => Outcome::Failed(error.to_string()),
            }
        })
    }

    fn suspended(&self, job: &JobKey, reason: &str) {
        let text = format!(
            "cron job '{}' is suspended after {} failures: {reason}",
            job.name,
            astrid_cron::MAX_FAILURES
        );
        tracing::error!(capsule = %job.capsule, principal = %job.principal, "{text}");
        let fields = [("capsule_id", Value::from(&*job.capsule)), ("error", text.into())];
        lifecycle(&self.bus, "error_occurred", &fields);
    }
}

/// The capsule is ready: its jobs run.
pub(super) async fn started(runtime: &Inner, capsule: &dyn Capsule) {
    let snapshot = runtime.registry.snapshot();
    let owner = snapshot.find(capsule.source_uuid()).map_or(&runtime.owner, |seen| &seen.owner);
    let declared = &capsule.manifest().cron_jobs;
    if let Err(error) = runtime.cron.activate(capsule.id(), owner.as_str(), declared).await {
        tracing::error!(capsule = capsule.id(), %error, "scheduled jobs cannot be restored");
    }
}

/// The capsule is not ready any more: none of its jobs runs.
pub(super) fn stopped(runtime: &Inner, id: &str) {
    runtime.cron.deactivate(id);
}

/// Starts the scheduler, and the answering of requests on the bus.
pub(super) fn serve(runtime: &Arc<Inner>) -> Result<(), CapsuleError> {
    let pattern =
        AccessPattern::parse(&format!("{REQUESTS}.*"), Charset::Token).map_err(CapsuleError::host)?;
    let mut requests = runtime.bus.observe(pattern);
    let weak = Arc::downgrade(runtime);
    let scheduler = tokio::spawn(runtime.cron.run());
    let answers = tokio::spawn(async move {
        loop {
            let message = match requests.recv().await {
                Ok(message) => message,
                Err(Missed::Lagged(n)) => {
                    tracing::warn!("{n} cron requests were lost: they came too fast");
                    continue;
                }
                Err(Missed::Closed) => return,
            };
            let Some(runtime) = weak.upgrade() else { return };
            answer(&runtime, &message).await;
        }
    });
    runtime.tasks.lock().extend([scheduler.abort_handle(), answers.abort_handle()]);
    Ok(())
}

#[derive(Deserialize)]
struct Request {
    req_id: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    schedule: String,
    action: Option<String>,
    #[serde(default)]
    payload: Value,
}

/// Answers a capsule; what comes from nobody that is loaded has nobody to answer.
async fn answer(runtime: &Inner, message: &Message) {
    let snapshot = runtime.registry.snapshot();
    let Some(seen) = snapshot.find(message.source()) else { return };
    let capsule = seen.capsule.id();
    let who = message.authority().unwrap_or(&seen.owner);
    let request: Request = match serde_json::from_slice(message.payload().bytes()) {
        Ok(request) => request,
        Err(error) => return tracing::warn!(capsule, %error, "a cron request is not understood"),
    };
    let segment = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b':' | b'-');
    let id = request.req_id.clone();
    if id.is_empty() || id.len() > MAX_REQUEST_ID || !id.bytes().all(segment) {
        return tracing::warn!(capsule, "a cron request has no req_id that could be one segment of a topic");
    }
    let asked = message.topic().as_str().rsplit('.').next().unwrap_or_default();
    let mut response = match perform(&runtime.cron, capsule, who, asked, request).await {
        Ok(response) => response,
        Err(error) => json!({ "ok": false, "error": error }),
    };
    if let Some(fields) = response.as_object_mut() {
        fields.insert("req_id".to_owned(), id.as_str().into());
    }
    let only = CapsuleId::parse(capsule).ok();
    announce_to(&runtime.bus, &format!("{RESPONSES}.{id}"), &response, Some(who), only);
}

async fn perform(
    cron: &CronService,
    capsule: &str,
    who: &Principal,
    asked: &str,
    request: Request,
) -> Result<Value, String> {
    if who.is_anonymous() {
        return Err("jobs belong to a principal; nobody is known to have asked".to_owned());
    }
    let Request { name, schedule, action, payload, .. } = request;
    match asked {
        "schedule" => {
            let job = NewJob { name, schedule, action, payload };
            let next = cron.schedule(capsule, who.as_str(), job).await.map_err(|error| error.to_string())?;
            Ok(json!({ "ok": true, "next_at": next.to_string() }))
        }
        "cancel" => {
            cron.cancel(capsule, who.as_str(), &name).await.map_err(|error| error.to_string())?;
            Ok(json!({ "ok": true }))
        }
        "list" => {
            let jobs = cron.list(capsule, who.as_str());
            let jobs = jobs.iter().map(|job| {
                json!({
                    "name": &*job.key.name,
                    "schedule": job.schedule,
                    "action": job.action,
                    "declared": job.declared,
                    "next_at": job.next_at.map(|at| at.to_string()),
                    "skipped": job.skipped,
                    "failures": job.failures,
                })
            });
            Ok(json!({ "ok": true, "jobs": jobs.collect::<Vec<_>>() }))
        }
        other => Err(format!("{REQUESTS}.{other} is no request; allowed: schedule, cancel, list")),
    }
}

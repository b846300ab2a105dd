//! Starting a whole set of capsules.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use astrid_capsule_discovery::{
    Discovery, Fingerprint, Located, SearchPath, Severity, Trust, discover, levels, toposort_manifests,
    unmet, uplinks_first,
};
use futures_util::future::join_all;
use serde_json::Value;

use super::events::{capsules_loaded, lifecycle};
use super::load::{Known, load_known};
use super::report::{BootFailure, BootReport, Booted};
use super::{Inner, jobs};
use crate::capsule::SharedCapsule;
use crate::{CapsuleError, Code, Readiness, State};

/// Target of log lines about what the report says too, for programs that print it themselves.
const LOG: &str = "astrid.boot";

type Approvals = HashMap<PathBuf, Fingerprint>;

pub(super) async fn boot(runtime: &Arc<Inner>, paths: &[SearchPath]) -> BootReport {
    let begin = Instant::now();
    let mut report = BootReport::default();
    let (sorted, approvals) = find(runtime, paths, &mut report).await;
    let (uplinks, rest) = uplinks_first(sorted);

    let alone = (0..uplinks.len()).collect();
    load_part(runtime, uplinks, alone, &approvals, &mut report).await;
    let level = levels(&rest);
    load_part(runtime, rest, level, &approvals, &mut report).await;

    check(runtime, &mut report);
    join_all(report.loaded.iter().map(|one| one.capsule.discover_tools())).await;
    for one in &report.loaded {
        jobs::started(runtime, &*one.capsule).await;
        lifecycle(&runtime.bus, "capsule_loaded", &[("capsule_id", one.capsule.id().into())]);
    }
    capsules_loaded(runtime);
    lifecycle(&runtime.bus, "kernel_started", &[("capsules", report.loaded.len().into())]);
    runtime.health.watch(runtime);
    report.took = begin.elapsed();
    report
}

/// Discovery and order.
async fn find(
    runtime: &Arc<Inner>,
    paths: &[SearchPath],
    report: &mut BootReport,
) -> (Vec<Located>, Approvals) {
    let (file, paths) = (runtime.home.trust_file(), paths.to_owned());
    let look = move || {
        let trust = Trust::load(&file).unwrap_or_else(|error| {
            tracing::error!(target: LOG, %error, "approvals cannot be read, so no capsule of a workspace is trusted");
            Trust::none()
        });
        discover(&paths, &trust)
    };
    let Discovery { found, skipped } = tokio::task::spawn_blocking(look).await.unwrap_or_else(|error| {
        tracing::error!(target: LOG, %error, "looking for capsules failed");
        Discovery::default()
    });
    report.skipped = skipped;
    let mut approvals = Approvals::new();
    let mut located = Vec::with_capacity(found.len());
    for one in found {
        approvals.extend(one.approved.map(|approved| (one.dir.clone(), approved)));
        located.push((one.manifest, one.dir));
    }
    report.unmet = unmet(&located);
    let sorted = toposort_manifests(located).unwrap_or_else(|(cycle, located)| {
        tracing::error!(target: LOG, %cycle, "capsules are loaded in the order they were found");
        report.cycle = Some(cycle);
        located
    });
    (sorted, approvals)
}

/// Loads one part of the capsules, those of one level side by side. A level waits until the run loops of the one
/// before are ready or out of time, so that nobody's loop starts before what it needs.
async fn load_part(
    runtime: &Arc<Inner>,
    part: Vec<Located>,
    levels: Vec<usize>,
    approvals: &Approvals,
    report: &mut BootReport,
) {
    let deepest = levels.iter().copied().max().unwrap_or(0);
    let mut part: Vec<(usize, Option<Located>)> =
        levels.into_iter().zip(part.into_iter().map(Some)).collect();
    for level in 0..=deepest {
        let mut loaded = Vec::new();
        let now = part.iter_mut().filter(|(of, _)| *of == level).filter_map(|(_, one)| one.take());
        let loading: Vec<_> = now.map(|one| load_one(runtime, one, approvals)).collect();
        for result in join_all(loading).await {
            match result {
                Ok(capsule) => loaded.push(capsule),
                Err(failure) => failed(runtime, failure, report),
            }
        }
        await_ready(runtime, loaded, report).await;
    }
}

/// Waits for the run loops of these capsules at once, and tells which may be counted on.
async fn await_ready(runtime: &Inner, loaded: Vec<(SharedCapsule, PathBuf)>, report: &mut BootReport) {
    let patience = runtime.config.ready_timeout;
    let waits = loaded.iter().map(|(capsule, _)| capsule.wait_ready(patience));
    let readiness = join_all(waits).await;
    for ((capsule, dir), readiness) in loaded.into_iter().zip(readiness) {
        let id = capsule.id().to_owned();
        match readiness {
            Readiness::Crashed => {
                let reason = match capsule.state() {
                    State::Failed(reason) => reason,
                    _ => "run loop ended before it was ready".to_owned(),
                };
                let error = CapsuleError::of(&id, Code::Execution, reason);
                // It stays registered: the health monitor gives it more chances, and tells the bus.
                tracing::error!(target: LOG, %error, "a capsule did not start");
                report.failed.push(BootFailure { id, dir, error });
                continue;
            }
            Readiness::Timeout => {
                tracing::warn!(target: LOG, capsule = id, "not ready after {} ms, going on without it", patience.as_millis());
            }
            Readiness::Ready => {}
        }
        report.loaded.push(Booted { capsule, readiness });
    }
}

/// Loads one capsule in a task of its own. Its id is taken at once, so that the registry's order is that of the sort.
fn load_one(
    runtime: &Arc<Inner>,
    (manifest, dir): Located,
    approvals: &Approvals,
) -> impl Future<Output = Result<(SharedCapsule, PathBuf), BootFailure>> + use<> {
    let id = manifest.package.name.to_string();
    let reserved = runtime.registry.reserve(&id, &runtime.owner);
    let known = Known { manifest, approved: approvals.get(&dir).cloned() };
    let (runtime, place) = (runtime.clone(), dir.clone());
    let work = tokio::spawn(async move {
        let limit = runtime.config.load_timeout;
        let load = load_known(&runtime, &place, known, reserved?);
        tokio::time::timeout(limit, load).await.unwrap_or_else(|_| {
            let problem = format!("is not loaded after {} s", limit.as_secs_f64());
            Err(CapsuleError::new(Code::Timeout, problem))
        })
    });
    async move {
        let ended = work.await.unwrap_or_else(|error| Err(CapsuleError::host(error)));
        match ended {
            Ok(capsule) => Ok((capsule, dir)),
            Err(error) => Err(BootFailure { error: error.in_capsule(&id), id, dir }),
        }
    }
}

fn failed(runtime: &Inner, failure: BootFailure, report: &mut BootReport) {
    let BootFailure { id, error, .. } = &failure;
    tracing::error!(target: LOG, %error, "a capsule is not loaded");
    let fields: [(&str, Value); 3] = [
        ("capsule_id", id.as_str().into()),
        ("code", error.code().as_str().into()),
        ("error", error.to_string().into()),
    ];
    lifecycle(&runtime.bus, "capsule_failed", &fields);
    report.failed.push(failure);
}

fn check(runtime: &Inner, report: &mut BootReport) {
    let snapshot = runtime.registry.snapshot();
    report.findings = snapshot.findings();
    for finding in &report.findings {
        match finding.severity() {
            Severity::Error => tracing::error!(target: LOG, "{finding}"),
            Severity::Warning => tracing::warn!(target: LOG, "{finding}"),
            Severity::Info => tracing::info!(target: LOG, "{finding}"),
        }
    }
    for conflict in &snapshot.schemas.conflicts {
        tracing::warn!(target: LOG, "{conflict}");
    }
}

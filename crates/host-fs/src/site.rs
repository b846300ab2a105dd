//! A path of one call with its volume, and the call's answers to the volume's questions.

use std::sync::Arc;

use astrid_host_context::{
    Action, Audit, CallContext, CapsuleSecurityGate, Denial, Entry, HostServices, Request, Target,
};
use parking_lot::Mutex;

use crate::ctx::alarm;
use crate::fault::{Fault, Text};
use crate::volume::{At, Consent, Stop};
use crate::{Error, FsCtx, VfsPath, Volume};

/// Where a call applies. A clone is one reference count.
#[derive(Clone)]
pub(crate) struct Site(Arc<Inner>);

struct Inner {
    path: VfsPath,
    volume: Arc<dyn Volume>,
    judge: Judge,
    stop: Stop,
}

/// Asks the gate about the resolved path, from whatever thread the volume works on.
struct Judge {
    call: CallContext,
    services: HostServices,
    volume: Arc<dyn Volume>,
    action: Action,
    prefix: &'static str,
    required: bool,
    resolved: Mutex<Option<String>>,
    denial: Mutex<Option<Denial>>,
}

impl Site {
    pub(crate) fn new(entry: &Entry, action: Action, path: VfsPath, volume: Arc<dyn Volume>) -> Self {
        let call = entry.call();
        let judge = Judge {
            call: call.clone(),
            services: entry.services().clone(),
            volume: volume.clone(),
            action,
            prefix: path.scheme().prefix(),
            required: entry.op().audit == Audit::Required,
            resolved: Mutex::default(),
            denial: Mutex::default(),
        };
        let stop = Stop::new(call.cancellation().clone(), call.deadline());
        Self(Arc::new(Inner { path, volume, judge, stop }))
    }

    pub(crate) fn path(&self) -> &VfsPath {
        &self.0.path
    }

    pub(crate) fn volume(&self) -> &dyn Volume {
        &*self.0.volume
    }

    pub(crate) fn at(&self) -> At<'_> {
        At { path: &self.0.path, consent: &self.0.judge, stop: &self.0.stop }
    }

    /// Whether the gate would let the call do something else to where the path really leads.
    pub(crate) fn also_allows(&self, action: Action) -> bool {
        let judge = &self.0.judge;
        let resolved = judge.resolved.lock().clone();
        let written = self.0.path.spelling();
        judge.ask(action, written).is_ok() && resolved.is_none_or(|path| judge.ask(action, &path).is_ok())
    }

    /// The canonical spelling, resolved if it was.
    pub(crate) fn spelling(&self) -> String {
        self.0.judge.resolved.lock().clone().unwrap_or_else(|| self.0.path.spelling().to_owned())
    }

    /// Turns what the volume answered into what the call does, and notes both in the record.
    pub(crate) fn settle<T>(&self, entry: &Entry, result: Result<T, Fault>) -> Result<T, Error> {
        if let Some(resolved) = &*self.0.judge.resolved.lock() {
            entry.target(Target::Path(resolved));
        }
        result.map_err(|fault| match (fault, self.0.judge.denial.lock().take()) {
            (Fault::Denied, Some(denial)) => denial.into(),
            (Fault::Escape, _) => {
                alarm(entry);
                fault.into()
            }
            _ => fault.into(),
        })
    }
}

impl Judge {
    fn ask(&self, action: Action, spelling: &str) -> Result<(), Denial> {
        let policy: &dyn CapsuleSecurityGate = self.services.policy();
        policy.check(&Request {
            principal: self.call.principal(),
            capsule: self.call.capsule(),
            action,
            target: Target::Path(spelling),
        })
    }
}

impl Consent for Judge {
    fn resolved(&self, relative: &str) -> Result<(), Fault> {
        let spelling = format!("{}{relative}", self.prefix);
        let answer = self.ask(self.action, &spelling);
        *self.resolved.lock() = Some(spelling);
        if self.volume.withholds(relative) {
            return Err(Fault::Denied);
        }
        answer.map_err(|denial| {
            *self.denial.lock() = Some(denial);
            Fault::Denied
        })
    }

    fn proceed(&self) -> Result<(), Fault> {
        if self.required && !self.services.audit().accepts(Audit::Required) {
            return Err(Fault::Unknown(Text::AuditUnavailable));
        }
        Ok(())
    }
}

impl FsCtx {
    /// Does the volume's part of a call on the pool.
    pub(crate) async fn on<T: Send + 'static>(
        &self,
        entry: &Entry,
        site: &Site,
        work: impl FnOnce(&dyn Volume, At<'_>) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Error> {
        let own = site.clone();
        let result = self.pool.run(entry, move || work(own.volume(), own.at())).await.flatten();
        site.settle(entry, result)
    }
}

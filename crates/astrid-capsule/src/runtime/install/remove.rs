//! Uninstalling.

use std::sync::Arc;

use astrid_capsule_install::{Code as Of, Lock, Place, uninstall};
use astrid_host_context::{Principal, Scope};
use astrid_host_kv::Store;

use super::record::{Record, UNINSTALL};
use super::{blocking, recovery, settings, swap};
use crate::runtime::{Inner, Runtime};
use crate::{CapsuleError, Code};

impl Runtime {
    /// Unloads a principal's installed capsule and removes its directory, the operator's values for it, the jobs it
    /// scheduled for that principal, and what only it needed of the stores for components and interfaces. With `purge`
    /// also the principal's key-value data and secrets of it; what is not installed any more can be purged too.
    ///
    /// # Errors
    /// [`Code::NotFound`]: it is not installed, and nothing was to be purged. [`Code::Install`]: somebody else installs
    /// it right now, or the disk.
    pub async fn uninstall(
        &self,
        name: &str,
        principal: &Principal,
        purge: bool,
    ) -> Result<(), CapsuleError> {
        let id = astrid_capsule_manifest::CapsuleId::parse(name)
            .map_err(|error| CapsuleError::new(Code::NotFound, error))?;
        let place = Place::new(self.0.home.root(), principal.as_str(), &id)?;
        // Apart from the caller, who may stop waiting: half of it would be neither.
        let work = tokio::spawn(remove(self.0.clone(), place, principal.clone(), purge));
        work.await.map_err(CapsuleError::host)?.map_err(|error| error.in_capsule(name))
    }
}

async fn remove(runtime: Arc<Inner>, place: Place, who: Principal, purge: bool) -> Result<(), CapsuleError> {
    let scope = recovery::scope_of(&place)?;
    let mut record = Record::new(&UNINSTALL, &scope);
    record.facts.push(("purge", purge.to_string()));
    let removed = match runtime.turns.begin(&place) {
        Ok(_turn) => perform(&runtime, &place, &who, &scope, purge).await,
        Err(error) => Err(error),
    };
    record.end(&runtime, &removed);
    removed
}

async fn perform(
    runtime: &Arc<Inner>,
    place: &Place,
    who: &Principal,
    scope: &Scope,
    purge: bool,
) -> Result<(), CapsuleError> {
    recovery::one(runtime, place).await?;
    let running = swap::running(runtime, place, who).await;
    if let Some(running) = &running {
        swap::stop(runtime, place, who, running).await;
    }
    let at = place.clone();
    blocking(move || match uninstall(Lock::take(&at)?) {
        Err(error) if purge && error.code() == Of::NotInstalled => Ok(()),
        other => other,
    })
    .await?;
    swap::announce(runtime, place.capsule(), running.is_some(), false);
    let forgotten = runtime.cron.forget_for(place.capsule(), who.as_str()).await;
    forgotten.map_err(CapsuleError::host)?;
    if purge {
        runtime.store.drop_namespace(scope).await.map_err(CapsuleError::host)?;
        let secrets = runtime.secrets.clear(&settings::secret_scope(scope)).await;
        secrets.map_err(CapsuleError::host)?;
    }
    Ok(())
}

//! Ending installations that were cut short, before anything is loaded.

use std::sync::Arc;

use astrid_capsule_install::{Lock, Pending, Place, recover, recover_one};
use astrid_host_context::{CapsuleId, Principal, Scope};

use super::record::{RECOVER, Record};
use super::{blocking, settings};
use crate::CapsuleError;
use crate::runtime::{Inner, hook};

/// Brings every capsule to its old version or its new one. What cannot be is logged and left as it is.
pub(in crate::runtime) async fn at_start(runtime: &Arc<Inner>) {
    let root = runtime.home.root().to_owned();
    let found = match blocking(move || Ok(recover(&root))).await {
        Ok(found) => found,
        Err(error) => {
            return tracing::error!(%error, "installations that were cut short could not be looked for");
        }
    };
    for problem in found.problems {
        tracing::error!(%problem, "an installation that was cut short could not be recovered");
    }
    for pending in found.pending {
        let capsule = pending.place().capsule().to_string();
        if let Err(error) = settle(runtime, pending).await {
            tracing::error!(capsule, %error, "an installation that was cut short could not be ended");
        }
    }
}

/// The same for one capsule, such as after an installation that failed.
pub(super) async fn one(runtime: &Arc<Inner>, place: &Place) -> Result<(), CapsuleError> {
    let place = place.clone();
    match blocking(move || recover_one(Lock::take(&place)?)).await? {
        Some(pending) => settle(runtime, pending).await,
        None => Ok(()),
    }
}

/// Does or undoes the host's part and forgets the installation.
async fn settle(runtime: &Arc<Inner>, pending: Pending) -> Result<(), CapsuleError> {
    let scope = scope_of(pending.place())?;
    let mut record = Record::new(&RECOVER, &scope);
    let (from, to) = pending.versions();
    record.facts.push(("phase", pending.phase().as_str().to_owned()));
    record.facts.push(("version", to.to_owned()));
    record.facts.extend(from.map(|from| ("from", from.to_owned())));
    record.facts.extend(pending.wasm_hash().map(|hash| ("component", hash.to_owned())));
    let direction = if pending.redo().is_some() { "forward" } else { "back" };
    record.facts.push(("direction", direction.to_owned()));
    let done = async {
        if let Some(redo) = pending.redo() {
            hook::replay(runtime, redo).await?;
        }
        if let Some(undo) = pending.undo() {
            settings::put_back(runtime, &scope, undo).await?;
        }
        blocking(move || pending.finish()).await
    };
    let done = done.await;
    record.end(runtime, &done);
    done
}

pub(super) fn scope_of(place: &Place) -> Result<Scope, CapsuleError> {
    Ok(Scope {
        principal: Some(Principal::parse(place.principal()).map_err(CapsuleError::host)?),
        capsule: CapsuleId::parse(place.capsule()).map_err(CapsuleError::host)?,
    })
}

//! What an operator's tools ask of a runtime about principals.

use astrid_event_bus::Lane;
use astrid_host_context::{CapsuleId, Principal, Scope};
use astrid_host_kv::Store;
use astrid_principals::{SharedProfile, Unusable, Usage};

use crate::{CapsuleError, Runtime};

impl Runtime {
    /// To be called after every write to a principal's profile or to the groups: the next call reads them
    /// anew. Who is disabled now loses the calls it runs on all capsules, which end with `principal '…'
    /// is disabled`, and local clients that proved themselves with a key that is not registered any more
    /// are disconnected. A change that nobody told of is noticed by the principal's next call, at most a
    /// second after the last look.
    ///
    /// # Errors
    /// The name is not valid. A profile that cannot be used is an answer, not an error.
    pub async fn principal_changed(
        &self,
        name: &str,
    ) -> Result<Result<SharedProfile, Unusable>, CapsuleError> {
        let who = parse(name)?;
        let found = self.0.principals.changed(&who).await;
        self.0.keys.enforce(&self.0.net.connections, &who).await;
        Ok(found.map(|found| found.profile))
    }

    /// Lets a registered principal invoke a capsule's tools and commands, for good: its profile says so
    /// from now on. What a front end answers with `approve_always` does the same.
    ///
    /// # Errors
    /// A name is not valid, there is no profile, or it cannot be read or written.
    pub async fn grant_capsule(&self, name: &str, capsule: &str) -> Result<(), CapsuleError> {
        let (who, capsule) = (parse(name)?, CapsuleId::parse(capsule).map_err(CapsuleError::host)?);
        match self.0.principals.set_access(&who, &capsule, true).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(CapsuleError::host(format!(
                "principal '{who}' has no profile; allowed: one with etc/profiles/{who}.toml"
            ))),
            Err(error) => Err(CapsuleError::host(format!("etc/profiles/{who}.toml: {error}"))),
        }
    }

    /// Takes back what [`Runtime::grant_capsule`] or a front end's answer gave. What groups and grants
    /// give stays.
    ///
    /// # Errors
    /// A name is not valid, or the profile cannot be read or written.
    pub async fn revoke_capsule(&self, name: &str, capsule: &str) -> Result<(), CapsuleError> {
        let (who, capsule) = (parse(name)?, CapsuleId::parse(capsule).map_err(CapsuleError::host)?);
        let revoked = self.0.by_profile.revoke(&who, &capsule).await;
        revoked.map_err(|error| CapsuleError::host(format!("etc/profiles/{who}.toml: {error}")))
    }

    /// Ends what a principal runs, and refuses its calls until [`Runtime::readmit_principal`]. For one
    /// whose profile is being removed: without the file it would be served as an unregistered one. Its
    /// data stays for whoever operates the host: home, keys, and the changes in an overlay that nobody
    /// decided on, which [`Runtime::overlay_changes`] still lists. [`Runtime::overlay_rollback`] or
    /// [`Runtime::overlay_commit`] then also removes the directory that kept them.
    ///
    /// What it consented to is deleted, and what is answered to a question that waits for it is kept nowhere.
    ///
    /// # Errors
    /// The name is not valid, or what it consented to for good is still on disk; the rest was done then.
    pub async fn remove_principal(&self, name: &str) -> Result<(), CapsuleError> {
        let who = parse(name)?;
        let store = self.0.approval.store();
        store.fence(&who);
        self.0.principals.remove(&who);
        store.delete(&who).await.map_err(CapsuleError::host)
    }

    /// Serves a removed principal again.
    ///
    /// # Errors
    /// The name is not valid.
    pub fn readmit_principal(&self, name: &str) -> Result<(), CapsuleError> {
        self.0.principals.revocations.readmit(&parse(name)?);
        Ok(())
    }

    /// What a principal uses now. Keys and values count for the capsules that are loaded.
    ///
    /// # Errors
    /// The name is not valid, or the store does not answer.
    pub async fn quota_usage(&self, name: &str) -> Result<Usage, CapsuleError> {
        let who = parse(name)?;
        let mut usage = self.0.principals.quota_usage(&who);
        let per_second = self.0.principals.profiles.quotas(Some(&who)).max_ipc_throughput_bytes;
        usage.ipc_window = self.0.bus.rates().used(&Lane::Of(who.clone()), per_second);
        for capsule in self.capsules() {
            let id = CapsuleId::parse(capsule.id()).map_err(CapsuleError::host)?;
            let scope = Scope { principal: Some(who.clone()), capsule: id };
            let keys = self.0.store.usage(&scope).await.map_err(CapsuleError::host)?;
            usage.storage_bytes = usage.storage_bytes.saturating_add(keys.bytes);
        }
        Ok(usage)
    }
}

fn parse(name: &str) -> Result<Principal, CapsuleError> {
    Principal::parse(name).map_err(CapsuleError::host)
}

//! `check-capsule-capability`, `enumerate-capabilities`.

use crate::config_ops::Never;
use crate::op_table::{CHECK, ENUMERATE};
use crate::{Error, RegistryUnavailable, SysCtxView};
use astrid_host_context::Uuid;

impl SysCtxView<'_> {
    /// Whether the capsule with this session id holds a capability. Of itself a capsule knows it from
    /// the snapshot of its load; every doubt about another is false.
    ///
    /// # Errors
    /// [`Error::Refused`] once authority is gone; [`Error::Registry`] when another capsule is asked
    /// about and no registry answers.
    pub fn check_capability(&mut self, capsule: &str, capability: &str) -> Result<bool, Error> {
        self.host.enter(&CHECK).run_now(|| {
            let shared = &self.ctx.shared;
            let capsule = uuid::Uuid::parse_str(capsule).map(Uuid::from);
            if capsule.as_ref() == Ok(&self.host.call.capsule_uuid()) {
                return Ok(shared.capabilities.contains(capability));
            }
            let registry = shared.registry.as_ref().ok_or(RegistryUnavailable)?;
            match capsule {
                Ok(capsule) => Ok(registry.holds(self.viewer(), capsule, capability)?),
                Err(_) => Ok(false),
            }
        })
    }

    /// The capsule's own capabilities, ascending, of the load's snapshot; none once authority is gone.
    pub fn enumerate_capabilities(&mut self) -> Vec<String> {
        let entry = self.host.enter(&ENUMERATE);
        let held = entry.run_now(|| Ok::<_, Never>(self.ctx.shared.capabilities.iter().cloned().collect()));
        held.unwrap_or_default()
    }
}

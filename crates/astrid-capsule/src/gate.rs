//! The manifest as policy. Fail-closed: what no rule here names is denied.

use astrid_capsule_manifest::{CapsuleManifest, TopicPattern};
use astrid_event_bus::Charset;
use astrid_host_context::{CapsuleSecurityGate, Denial, Request};
use astrid_host_ipc::AccessLists;

use crate::{CapsuleError, Code};

/// What one capsule may do, as its manifest says. Built once at load; nothing in it changes later.
///
/// Of the domains linked so far only ipc asks for permission; io, kv and sys are not gated by
/// contract. An action of any other domain is denied.
#[derive(Debug)]
pub(crate) struct ManifestSecurityGate {
    ipc: AccessLists,
}

impl ManifestSecurityGate {
    pub(crate) fn new(manifest: &CapsuleManifest) -> Result<Self, CapsuleError> {
        let publish = manifest.ipc_publish_patterns.iter().map(TopicPattern::as_str);
        let subscribe = manifest.ipc_subscribe_patterns.iter().map(TopicPattern::as_str);
        let ipc = AccessLists::parse(publish, subscribe, Charset::Token)
            .map_err(|error| CapsuleError::new(Code::Manifest, error))?;
        Ok(Self { ipc: if manifest.capabilities.uplink { ipc.uplink() } else { ipc } })
    }
}

impl CapsuleSecurityGate for ManifestSecurityGate {
    fn check(&self, request: &Request<'_>) -> Result<(), Denial> {
        match request.action.domain {
            "ipc" => self.ipc.decide(request),
            other => Err(Denial::new(format!("capsule {} declares nothing for {other}", request.capsule))),
        }
    }
}

//! One capsule's policy: the manifest's gate, with the bus's access lists for ipc.

use std::sync::Arc;

use astrid_capsule_manifest::{CapsuleManifest, TopicPattern};
use astrid_event_bus::Charset;
use astrid_host_ipc::AccessLists;
use astrid_host_uplink::Platform;
use astrid_security_gate::{ManifestSecurityGate, Roots};

use crate::{CapsuleError, Code};

/// Built once at load and never changed; reads links, so not for a runtime worker.
pub(crate) fn of(
    manifest: &CapsuleManifest,
    roots: &Roots,
    charset: Charset,
    blocked: &[Platform],
) -> Result<ManifestSecurityGate, CapsuleError> {
    let builder = ManifestSecurityGate::builder(manifest)
        .roots(roots)
        .blocked_platforms(blocked.iter().map(Platform::to_string))
        .domain("ipc", Arc::new(topics(manifest, charset)?));
    let gate = builder.build().map_err(|error| CapsuleError::new(Code::Manifest, error))?;
    for warning in gate.warnings() {
        tracing::warn!(capsule = %manifest.package.name, "{warning}");
    }
    Ok(gate)
}

fn topics(manifest: &CapsuleManifest, charset: Charset) -> Result<AccessLists, CapsuleError> {
    let publish = manifest.ipc_publish_patterns.iter().map(TopicPattern::as_str);
    let subscribe = manifest.ipc_subscribe_patterns.iter().map(TopicPattern::as_str);
    let lists = AccessLists::parse(publish, subscribe, charset)
        .map_err(|error| CapsuleError::new(Code::Manifest, error))?;
    Ok(if manifest.capabilities.uplink { lists.uplink() } else { lists })
}

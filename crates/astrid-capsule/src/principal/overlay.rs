//! Overlay files as the sys package asks for them.

use std::sync::Arc;

use astrid_host_context::Scope;
use astrid_host_sys::EnvOverlay;
use astrid_principals::EnvFiles;

/// Answers from what the invocation's begin brought up to date; reads no file.
pub(crate) struct FileOverlay(pub(crate) Arc<EnvFiles>);

impl EnvOverlay for FileOverlay {
    fn get(&self, scope: &Scope, key: &str) -> Option<String> {
        self.0.get(scope, key)
    }
}

//! Overlay files as the sys package asks for them.

use std::sync::Arc;

use astrid_host_context::Scope;
use astrid_host_sys::{BoxFuture, EnvOverlay};
use astrid_principals::EnvFiles;

/// Looks at the file at an invocation's first question, so that calls that ask for nothing cost nothing.
pub(crate) struct FileOverlay(pub(crate) Arc<EnvFiles>);

impl EnvOverlay for FileOverlay {
    fn get(&self, scope: &Scope, key: &str) -> Option<String> {
        self.0.get(scope, key)
    }

    fn refresh<'a>(&'a self, scope: &'a Scope) -> Option<BoxFuture<'a, ()>> {
        Some(Box::pin(self.0.refresh(scope)))
    }
}

//! Where placeholders in headers of http requests get their secrets: the store that `sys` reads too.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use astrid_capsule_manifest::{CapsuleManifest, EnvKind};
use astrid_host_context::Scope;
use astrid_host_http::{SecretAnswer, Secrets, SecretsUnavailable};
use astrid_host_sys::{SecretScope, SecretStore};

/// How long the store may take, as for `sys`: a keyring that asks its user must not hold a guest.
const LIMIT: Duration = Duration::from_secs(2);

/// The secrets one capsule declares.
pub(crate) struct HeaderSecrets {
    store: Arc<dyn SecretStore>,
    declared: BTreeSet<String>,
}

impl HeaderSecrets {
    pub(crate) fn new(store: Arc<dyn SecretStore>, manifest: &CapsuleManifest) -> Self {
        let secret = manifest.env.iter().filter(|(_, env)| env.kind == EnvKind::Secret);
        Self { store, declared: secret.map(|(key, _)| key.to_string()).collect() }
    }
}

impl Secrets for HeaderSecrets {
    fn declares(&self, name: &str) -> bool {
        self.declared.contains(name)
    }

    fn get<'a>(&'a self, scope: &'a Scope, name: &'a str) -> SecretAnswer<'a> {
        Box::pin(async move {
            let lookup = async {
                for principal in [scope.principal.clone(), None] {
                    let scope = SecretScope { principal, capsule: scope.capsule.clone() };
                    if let Some(value) = self.store.get(&scope, name).await.map_err(|_| SecretsUnavailable)? {
                        return Ok(Some(value));
                    }
                }
                Ok(None)
            };
            tokio::time::timeout(LIMIT, lookup).await.unwrap_or(Err(SecretsUnavailable))
        })
    }
}

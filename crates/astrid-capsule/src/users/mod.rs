//! The users of this host: where they are kept, and who answers what the identity package asks about principals.

mod closed;
mod directory;
mod links;

use std::sync::Arc;

use astrid_host_identity::{Identities, IdentityStore};
use astrid_principals::Principals;
use astrid_store_redb::RedbIdentities;

use crate::{Config, Home, own_key};
use closed::Closed;
use directory::Directory;
pub(crate) use links::StoredLinks;

/// The users, and the store that has to be closed at the end.
pub(crate) struct Users {
    pub(crate) identities: Arc<Identities>,
    store: Option<Arc<RedbIdentities>>,
}

impl Users {
    /// Opens `state/identity`, with the key in `etc/identity.key`, unless the embedder keeps users elsewhere. A
    /// store that does not open takes nothing else down: every call of the package then says that it is
    /// unavailable. Waits for the disk.
    pub(crate) fn open(
        home: &Home,
        config: &Config,
        principals: &Arc<Principals>,
        theirs: Option<Arc<dyn IdentityStore>>,
    ) -> Self {
        let directory = Arc::new(Directory::new(principals, config));
        if let Some(store) = theirs {
            return Self { identities: Identities::builder(store, directory).build(), store: None };
        }
        match own(home) {
            Ok((store, key)) => {
                let identities = Identities::builder(store.clone(), directory).audit_key(key).build();
                Self { identities, store: Some(store) }
            }
            Err(problem) => {
                tracing::error!(target: "astrid.identity", "the identity store does not open: {problem}");
                let closed = Arc::new(Closed(problem));
                Self { identities: Identities::builder(closed, directory).build(), store: None }
            }
        }
    }

    /// Waits until everything acknowledged is on disk and the directory is free.
    pub(crate) async fn close(&self) {
        if let Some(store) = &self.store {
            store.close().await;
        }
    }
}

/// The host's own store, with the key for the digests of its records.
fn own(home: &Home) -> Result<(Arc<RedbIdentities>, [u8; 32]), String> {
    let file = home.etc().join("identity.key");
    let key = own_key::load_or_create(&file).map_err(|error| format!("{}: {error}", file.display()))?;
    let store =
        RedbIdentities::open(home.state().join("identity"), &key).map_err(|error| error.to_string())?;
    Ok((Arc::new(store), blake3::derive_key("astrid-capsule 2026-11 accounts in audit records", &*key)))
}

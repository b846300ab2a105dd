//! Secrets as files, one each.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::disk::Place;
use super::{BoxFuture, SecretError, SecretScope, SecretStore, SecretValue};

/// One file for each secret: `{root}/{principal or @host}/{capsule}/{key}`, readable by its owner alone.
/// A write replaces the file whole and is on the disk when it returns.
///
/// Every file is opened below the root without following a link. The work is done on tokio's blocking
/// threads.
#[derive(Debug, Clone)]
pub struct FileSecrets(Arc<Path>);

impl FileSecrets {
    /// Secrets below `root`, a directory that the first write makes if its parent exists.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self(root.into().into())
    }

    fn on_disk<'a, T: Send + 'static>(
        &self,
        scope: &SecretScope,
        key: &str,
        work: impl FnOnce(&Path, &Place) -> io::Result<T> + Send + 'static,
    ) -> BoxFuture<'a, Result<T, SecretError>> {
        let root = self.0.clone();
        let place = Place::new(scope, key);
        Box::pin(async move {
            let done = tokio::task::spawn_blocking(move || {
                work(&root, &place)
                    .map_err(|error| SecretError(format!("{}: {error}", place.below(&root).display())))
            });
            done.await.map_err(|error| SecretError(error.to_string()))?
        })
    }
}

impl SecretStore for FileSecrets {
    fn get<'a>(
        &'a self,
        scope: &'a SecretScope,
        key: &'a str,
    ) -> BoxFuture<'a, Result<Option<SecretValue>, SecretError>> {
        self.on_disk(scope, key, |root, place| place.read(root))
    }

    fn set<'a>(
        &'a self,
        scope: &'a SecretScope,
        key: &'a str,
        value: SecretValue,
    ) -> BoxFuture<'a, Result<(), SecretError>> {
        self.on_disk(scope, key, move |root, place| place.replace(root, &value))
    }

    fn exists<'a>(
        &'a self,
        scope: &'a SecretScope,
        key: &'a str,
    ) -> BoxFuture<'a, Result<bool, SecretError>> {
        self.on_disk(scope, key, |root, place| place.exists(root))
    }

    fn delete<'a>(&'a self, scope: &'a SecretScope, key: &'a str) -> BoxFuture<'a, Result<(), SecretError>> {
        self.on_disk(scope, key, |root, place| place.remove(root))
    }

    fn clear<'a>(&'a self, scope: &'a SecretScope) -> BoxFuture<'a, Result<(), SecretError>> {
        // The folder of a scope is that of any of its keys.
        self.on_disk(scope, "", |root, place| place.clear(root))
    }
}

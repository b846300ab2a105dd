//! One file a secret, for hosts without a keyring.

use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;
use std::sync::Arc;

use zeroize::Zeroizing;

use super::{BoxFuture, SecretError, SecretScope, SecretStore, SecretValue};
use crate::beneath::Dir;

/// Largest file read as a secret, in bytes: a key or a certificate chain, with room to spare.
const MAX_SECRET: u64 = 1024 * 1024;
/// Longest file name in bytes; what every Linux file system allows.
const MAX_NAME: usize = 255;

/// A [`SecretStore`] of files: `principals/{principal}/{capsule}/{key}` and `host/{capsule}/{key}`
/// below one folder, which the first write makes.
///
/// Folders are 0700 and files 0600; a file that others can read is refused. Nothing below the folder is
/// reached through a symbolic link. A write replaces the file as a whole, so that a crash leaves the old
/// or the new secret. The work is done on tokio's blocking pool.
#[derive(Debug, Clone)]
pub struct FileSecrets(Arc<PathBuf>);

impl FileSecrets {
    /// Secrets below `folder`. Nothing is opened yet.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self(Arc::new(folder.into()))
    }

    /// Runs `work` on the scope's folder, `None` if there is none. When the caller gives up waiting, the
    /// work still ends by itself.
    fn run<'a, T: Send + 'static>(
        &self,
        scope: &SecretScope,
        key: &str,
        make: bool,
        work: impl FnOnce(Option<Dir>, &str) -> io::Result<T> + Send + 'static,
    ) -> BoxFuture<'a, Result<T, SecretError>> {
        let (root, scope, name) = (self.0.clone(), scope.clone(), file_name(key));
        Box::pin(async move {
            let name = name.ok_or_else(|| SecretError("the key does not fit a file name".to_owned()))?;
            let work = move || folder(&root, &scope, make).and_then(|folder| work(folder, &name));
            match tokio::task::spawn_blocking(work).await {
                Ok(result) => result.map_err(|error| SecretError(error.to_string())),
                Err(_) => Err(SecretError("the blocking pool is shutting down".to_owned())),
            }
        })
    }
}

fn folder(root: &PathBuf, scope: &SecretScope, make: bool) -> io::Result<Option<Dir>> {
    let names = match &scope.principal {
        Some(principal) => vec!["principals", principal.as_str(), scope.capsule.as_str()],
        None => vec!["host", scope.capsule.as_str()],
    };
    if make {
        DirBuilder::new().recursive(true).mode(0o700).create(root)?;
        return Dir::open(root)?.make(&names).map(Some);
    }
    match Dir::open(root) {
        Ok(root) => root.walk(&names),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// A file name for any key: letters, digits, `-` and `_` stand for themselves, every other byte is `%`
/// and two digits, so that no key is a path or a hidden file and no two keys share a file.
fn file_name(key: &str) -> Option<String> {
    let mut name = String::with_capacity(key.len());
    for byte in key.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' => name.push(char::from(byte)),
            _ => name.push_str(&format!("%{byte:02X}")),
        }
    }
    (1..=MAX_NAME).contains(&name.len()).then_some(name)
}

fn text(bytes: Zeroizing<Vec<u8>>) -> io::Result<SecretValue> {
    let text = std::str::from_utf8(&bytes).map_err(|_| io::ErrorKind::InvalidData)?;
    Ok(Zeroizing::new(text.to_owned()))
}

impl SecretStore for FileSecrets {
    fn get<'a>(
        &'a self,
        scope: &'a SecretScope,
        key: &'a str,
    ) -> BoxFuture<'a, Result<Option<SecretValue>, SecretError>> {
        self.run(scope, key, false, |folder, name| {
            let Some(folder) = folder else { return Ok(None) };
            folder.read_private(name, MAX_SECRET)?.map(text).transpose()
        })
    }

    fn set<'a>(
        &'a self,
        scope: &'a SecretScope,
        key: &'a str,
        value: SecretValue,
    ) -> BoxFuture<'a, Result<(), SecretError>> {
        self.run(scope, key, true, move |folder, name| match folder {
            Some(folder) => folder.replace(name, value.as_bytes()),
            None => Err(io::ErrorKind::NotFound.into()),
        })
    }

    fn exists<'a>(
        &'a self,
        scope: &'a SecretScope,
        key: &'a str,
    ) -> BoxFuture<'a, Result<bool, SecretError>> {
        self.run(scope, key, false, |folder, name| folder.map_or(Ok(false), |folder| folder.has(name)))
    }

    fn delete<'a>(&'a self, scope: &'a SecretScope, key: &'a str) -> BoxFuture<'a, Result<(), SecretError>> {
        self.run(scope, key, false, |folder, name| folder.map_or(Ok(()), |folder| folder.remove(name)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_key_becomes_a_path_and_no_two_keys_share_a_file() {
        assert_eq!(file_name("api_key").as_deref(), Some("api_key"));
        assert_eq!(file_name("../x").as_deref(), Some("%2E%2E%2Fx"));
        assert_eq!(file_name("%2E").as_deref(), Some("%252E"));
        assert_eq!(file_name(""), None);
        assert_eq!(file_name(&"/".repeat(86)), None);
    }
}

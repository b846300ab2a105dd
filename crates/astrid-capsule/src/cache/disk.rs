//! The disk layer: `cache/components/{compat}/{hash}.cwasm` with a keyed hash beside each file.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use wasmtime::Engine;
use wasmtime::component::Component;

use super::entry::{Sidecar, now, read_trusted, write_whole};
use super::sweep;
use crate::Home;
use crate::home::private_dir;
use crate::own_key::{OwnKey, load_or_create};

/// How stale `last_used_at` may get before a hit rewrites it; eviction needs no finer order.
const TOUCH_AFTER_SECS: u64 = 3600;

/// A clone is one reference count.
#[derive(Clone)]
pub(super) struct Disk(Arc<Parts>);

struct Parts {
    dir: PathBuf,
    compat: String,
    key: OwnKey,
    max_bytes: u64,
}

impl Disk {
    /// The cache below `home`, or `None` (with one warning) when it cannot be used.
    pub(super) fn open(home: &Home, compat: &str, max_bytes: u64) -> Option<Self> {
        let root = home.compile_cache();
        let dir = root.join(compat);
        let opened = private_dir(&dir).and_then(|()| load_or_create(&home.etc().join("cache.key")));
        match opened {
            Ok(key) => {
                sweep::old_engines(&root, compat);
                Some(Self(Arc::new(Parts { dir, compat: compat.to_owned(), key, max_bytes })))
            }
            Err(error) => {
                tracing::warn!(path = %dir.display(), %error, "compile cache is off");
                None
            }
        }
    }

    /// The component compiled from the bytes with this hash, if a trusted file holds it.
    #[expect(unsafe_code, reason = "running cached native code is the purpose; its MAC was checked")]
    pub(super) fn load(&self, engine: &Engine, hash: &blake3::Hash) -> Option<Component> {
        let (code, sidecar) = match self.read(hash) {
            Ok(entry) => entry,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            Err(error) => {
                tracing::warn!(%hash, %error, "compile cache entry is ignored");
                return None;
            }
        };
        // SAFETY: the bytes are what `serialize` of an engine with the same settings returned: their
        // keyed hash covers settings, source hash and code, and only this user can read the key.
        match unsafe { Component::deserialize(engine, &code) } {
            Ok(component) => {
                self.touch(hash, sidecar);
                Some(component)
            }
            Err(error) => {
                tracing::warn!(%hash, %error, "compile cache entry does not load");
                None
            }
        }
    }

    /// Keeps a component, then makes room. Failure costs the next start a compilation and nothing else.
    pub(super) fn store(&self, component: &Component, hash: &blake3::Hash, in_use: &[blake3::Hash]) {
        let kept = component.serialize().map_err(io::Error::other).and_then(|code| {
            let sidecar = Sidecar {
                wasm_hash: hash.to_hex().to_string(),
                size: u64::try_from(code.len()).unwrap_or(u64::MAX),
                mac: self.mac(hash, &code).to_hex().to_string(),
                engine: self.0.compat.clone(),
                created_at: now(),
                last_used_at: now(),
            };
            write_whole(&self.path(hash, "cwasm"), &code, true)?;
            self.write_sidecar(hash, &sidecar, true)
        });
        match kept {
            Ok(()) => sweep::to_size(&self.0.dir, self.0.max_bytes, in_use),
            Err(error) => tracing::warn!(%hash, %error, "compiled component is not kept"),
        }
    }

    fn read(&self, hash: &blake3::Hash) -> io::Result<(Vec<u8>, Sidecar)> {
        let code = read_trusted(&self.path(hash, "cwasm"))?;
        let sidecar: Sidecar = serde_json::from_slice(&read_trusted(&self.path(hash, "json"))?)?;
        let recorded = blake3::Hash::from_hex(&sidecar.mac).map_err(io::Error::other)?;
        // `blake3::Hash` compares in constant time.
        if recorded != self.mac(hash, &code) {
            return Err(io::Error::other("MAC mismatch"));
        }
        Ok((code, sidecar))
    }

    fn mac(&self, hash: &blake3::Hash, code: &[u8]) -> blake3::Hash {
        let mut mac = blake3::Hasher::new_keyed(&self.0.key);
        mac.update(self.0.compat.as_bytes()).update(hash.as_bytes()).update(code);
        mac.finalize()
    }

    fn touch(&self, hash: &blake3::Hash, mut sidecar: Sidecar) {
        if now().saturating_sub(sidecar.last_used_at) < TOUCH_AFTER_SECS {
            return;
        }
        sidecar.last_used_at = now();
        if let Err(error) = self.write_sidecar(hash, &sidecar, false) {
            tracing::debug!(%hash, %error, "last use is not recorded");
        }
    }

    fn write_sidecar(&self, hash: &blake3::Hash, sidecar: &Sidecar, durable: bool) -> io::Result<()> {
        write_whole(&self.path(hash, "json"), &serde_json::to_vec(sidecar)?, durable)
    }

    fn path(&self, hash: &blake3::Hash, extension: &str) -> PathBuf {
        self.0.dir.join(format!("{}.{extension}", hash.to_hex()))
    }
}

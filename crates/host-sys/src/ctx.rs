//! What an embedder keeps in its store data for this package.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::fmt;
use std::sync::Arc;

use tokio::sync::watch;

use crate::clock::Resolution;
use crate::config::is_reserved;
use crate::secrets::Revealed;
use crate::{
    Entropy, EnvOverlay, LogSink, MemorySecrets, OsEntropy, Overlays, Registry, SecretStore, TracingLog,
};

/// The package's state of one wasmtime store. A clone is the same store's state; see
/// [`SysCtx::for_new_store`] for another store of the same capsule.
#[derive(Clone)]
pub struct SysCtx {
    pub(crate) shared: Arc<Shared>,
    pub(crate) revealed: Revealed,
    /// The invocation that the overlay was brought up to date for; 0 is none.
    pub(crate) overlaid_for: u64,
}

pub(crate) struct Shared {
    pub(crate) config: HashMap<String, String>,
    pub(crate) secret_keys: HashSet<String>,
    pub(crate) injected: HashMap<String, String>,
    pub(crate) pinned: HashMap<String, Option<String>>,
    pub(crate) overlay: Arc<dyn EnvOverlay>,
    pub(crate) secrets: Arc<dyn SecretStore>,
    pub(crate) capabilities: BTreeSet<String>,
    pub(crate) registry: Option<Arc<dyn Registry>>,
    pub(crate) log: Arc<dyn LogSink>,
    pub(crate) ready: Option<watch::Sender<bool>>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) resolution: Resolution,
}

impl SysCtx {
    /// Starts with nothing configured, no secrets, the log to `tracing`.
    #[must_use]
    pub fn builder() -> SysCtxBuilder {
        SysCtxBuilder(Shared {
            config: HashMap::new(),
            secret_keys: HashSet::new(),
            injected: HashMap::new(),
            pinned: HashMap::new(),
            overlay: Arc::new(Overlays::new()),
            secrets: Arc::new(MemorySecrets::new()),
            capabilities: BTreeSet::new(),
            registry: None,
            log: Arc::new(TracingLog),
            ready: None,
            entropy: Arc::new(OsEntropy),
            resolution: Resolution::default(),
        })
    }

    /// A context for another store of the same capsule, whose guest has seen no secret yet.
    #[must_use]
    pub fn for_new_store(&self) -> Self {
        Self { shared: self.shared.clone(), revealed: Revealed::default(), overlaid_for: 0 }
    }
}

impl fmt::Debug for SysCtx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Neither configured values nor secrets belong into a debug text.
        f.debug_struct("SysCtx").field("capabilities", &self.shared.capabilities).finish_non_exhaustive()
    }
}

/// Builds a [`SysCtx`].
pub struct SysCtxBuilder(Shared);

impl SysCtxBuilder {
    /// A load-time value, already resolved against what an installer stored and the manifest's
    /// default. A reserved key is ignored with a warning.
    #[must_use]
    pub fn config(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        let key = key.into();
        if is_reserved(&key) {
            tracing::warn!(key, "a configuration key reserved for the host is ignored");
        } else {
            self.0.config.insert(key, value.into());
        }
        self
    }

    /// A key the manifest declares as secret: it is answered from the secret store alone. A reserved
    /// key is ignored with a warning.
    #[must_use]
    pub fn secret_key(mut self, key: impl Into<String>) -> Self {
        let key = key.into();
        if is_reserved(&key) {
            tracing::warn!(key, "a secret key reserved for the host is ignored");
        } else {
            self.0.secret_keys.insert(key);
        }
        self
    }

    /// The kernel's socket, `ASTRID_SOCKET_PATH`. Nothing else can set that key.
    #[must_use]
    pub fn socket_path(mut self, path: impl Into<String>) -> Self {
        self.0.injected.insert("ASTRID_SOCKET_PATH".to_owned(), path.into());
        self
    }

    /// What a key reads as, none for not set, whatever is configured, secret or set for a principal under
    /// this name: for kernels that tell the guest of one call something under a name that is not reserved.
    #[must_use]
    pub fn pin(mut self, key: impl Into<String>, value: Option<String>) -> Self {
        self.0.pinned.insert(key.into(), value);
        self
    }

    /// Values of single principals.
    #[must_use]
    pub fn overlay(mut self, overlay: Arc<dyn EnvOverlay>) -> Self {
        self.0.overlay = overlay;
        self
    }

    /// Where secrets are.
    #[must_use]
    pub fn secrets(mut self, store: Arc<dyn SecretStore>) -> Self {
        self.0.secrets = store;
        self
    }

    /// The capabilities the capsule's manifest holds, a snapshot of the load.
    #[must_use]
    pub fn capabilities(mut self, held: impl IntoIterator<Item = String>) -> Self {
        self.0.capabilities = held.into_iter().collect();
        self
    }

    /// Who knows the other capsules. Without one, asking about them is `registry-unavailable`.
    #[must_use]
    pub fn registry(mut self, registry: Arc<dyn Registry>) -> Self {
        self.0.registry = Some(registry);
        self
    }

    /// Where log lines go.
    #[must_use]
    pub fn log(mut self, sink: Arc<dyn LogSink>) -> Self {
        self.0.log = sink;
        self
    }

    /// What `signal-ready` sets to true.
    #[must_use]
    pub fn ready(mut self, sender: watch::Sender<bool>) -> Self {
        self.0.ready = Some(sender);
        self
    }

    /// Where random bytes come from.
    #[must_use]
    pub fn entropy(mut self, source: Arc<dyn Entropy>) -> Self {
        self.0.entropy = source;
        self
    }

    /// How finely guests see time.
    #[must_use]
    pub fn resolution(mut self, resolution: Resolution) -> Self {
        self.0.resolution = resolution;
        self
    }

    /// The finished state.
    #[must_use]
    pub fn build(self) -> SysCtx {
        SysCtx { shared: Arc::new(self.0), revealed: Revealed::default(), overlaid_for: 0 }
    }
}

impl fmt::Debug for SysCtxBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SysCtxBuilder").finish_non_exhaustive()
    }
}

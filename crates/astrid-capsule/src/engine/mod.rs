//! The process-wide wasmtime engine and its clock.

mod settings;
mod ticker;

use std::sync::Arc;

use wasmtime::Engine;

use crate::config::{Allocation, Config};
use crate::{CapsuleError, Code};
pub(crate) use ticker::TICK;
use ticker::Ticker;

/// Bump when host configuration changes the meaning of compiled code without changing wasmtime's own
/// compatibility hash.
const ENGINE_ABI: u32 = 1;

/// One engine with its epoch clock. A clone is one reference count.
#[derive(Clone)]
pub struct WasmHost {
    engine: Engine,
    _ticker: Arc<Ticker>,
}

impl WasmHost {
    /// Builds the engine `config` asks for. Where the pooling allocator cannot reserve its address
    /// space, on-demand allocation takes its place with one warning.
    ///
    /// # Errors
    /// Wasmtime refuses the machine, or the clock's thread cannot be started.
    pub fn new(config: &Config) -> Result<Self, CapsuleError> {
        let built = match config.allocation {
            Allocation::Pooling => Engine::new(&settings::pooling(config)).or_else(|error| {
                tracing::warn!(%error, "pooling allocator unavailable, allocating on demand");
                Engine::new(&settings::on_demand())
            }),
            Allocation::OnDemand => Engine::new(&settings::on_demand()),
        };
        let engine = built.map_err(|e| CapsuleError::new(Code::Host, format!("wasmtime: {e:#}")))?;
        let ticker = Ticker::start(&engine).map_err(|e| CapsuleError::host(format!("epoch clock: {e}")))?;
        Ok(Self { engine, _ticker: Arc::new(ticker) })
    }

    /// The engine.
    #[must_use]
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Names the settings that compiled code depends on: 32 hex digits.
    #[must_use]
    pub fn compat(&self) -> String {
        let mut hasher = Digest(blake3::Hasher::new());
        std::hash::Hash::hash(&self.engine.precompile_compatibility_hash(), &mut hasher);
        std::hash::Hasher::write_u32(&mut hasher, ENGINE_ABI);
        hasher.0.finalize().to_hex().as_str().chars().take(32).collect()
    }
}

/// Lets wasmtime's `Hash` value feed a digest that is stable between processes.
struct Digest(blake3::Hasher);

impl std::hash::Hasher for Digest {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        let mut first = [0; 8];
        first.iter_mut().zip(self.0.finalize().as_bytes()).for_each(|(to, from)| *to = *from);
        u64::from_le_bytes(first)
    }
}

impl std::fmt::Debug for WasmHost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WasmHost").field("compat", &self.compat()).finish()
    }
}

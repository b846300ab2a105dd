//! Random bytes.

/// The operating system gave no entropy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no entropy: {0}")]
pub struct EntropyFailed(pub String);

/// Where random bytes come from; tests inject a failing one.
pub trait Entropy: Send + Sync {
    /// Fills the buffer, all of it.
    ///
    /// # Errors
    /// [`EntropyFailed`]; there is no fallback.
    fn fill(&self, buffer: &mut [u8]) -> Result<(), EntropyFailed>;
}

/// The operating system's generator. It does not block once the machine has booted.
#[derive(Debug, Clone, Copy, Default)]
pub struct OsEntropy;

impl Entropy for OsEntropy {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), EntropyFailed> {
        getrandom::fill(buffer).map_err(|error| EntropyFailed(error.to_string()))
    }
}

//! One typed error, and what each WIT version shows of it.

use astrid_host_context::{Failure, Outcome, Refusal};

use crate::{EntropyFailed, RegistryUnavailable, SecretError};

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The key belongs to the host.
    #[error("the configuration key is reserved for the host")]
    KeyReserved,
    /// More was asked for than one call gives.
    #[error("{asked} is more than one call gives; allowed: up to {most}")]
    TooLarge {
        /// What was asked for.
        asked: u64,
        /// The limit.
        most: u64,
    },
    /// The capsule registry does not answer.
    #[error(transparent)]
    Registry(#[from] RegistryUnavailable),
    /// The sleep was ended.
    #[error("the sleep was cancelled")]
    Cancelled,
    /// The secret store does not answer.
    #[error(transparent)]
    Secrets(#[from] SecretError),
    /// The operating system gave no entropy.
    #[error(transparent)]
    Entropy(#[from] EntropyFailed),
    /// The envelope did not let the call through.
    #[error(transparent)]
    Refused(#[from] Refusal),
}

impl Failure for Error {
    fn outcome(&self) -> Outcome {
        match self {
            Self::Refused(refusal) => refusal.outcome(),
            Self::Cancelled => Outcome::Cancelled("cancelled"),
            Self::KeyReserved => Outcome::Failed("config-key-reserved"),
            Self::TooLarge { .. } => Outcome::Failed("too-large"),
            Self::Registry(_) => Outcome::Failed("registry-unavailable"),
            Self::Secrets(_) | Self::Entropy(_) => Outcome::Failed("unknown"),
        }
    }

    fn operator_detail(&self) -> Option<String> {
        Some(self.to_string())
    }
}

/// What guests see: one small enum a WIT version, so that a new [`Error`] is decided on here.
pub mod arms {
    use super::Error;

    /// `error-code` of `astrid:sys@1.0.0`.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub enum V1_0 {
        /// `capability-denied`
        CapabilityDenied,
        /// `config-key-reserved`
        ConfigKeyReserved,
        /// `too-large`
        TooLarge,
        /// `registry-unavailable`
        RegistryUnavailable,
        /// `cancelled`
        Cancelled,
        /// `unknown`, always one of [`UNKNOWN_TEXTS`].
        Unknown(&'static str),
    }

    const SECRETS: &str = "secret store unavailable";
    const ENTROPY: &str = "entropy unavailable";

    /// Every text that `unknown` may carry.
    pub const UNKNOWN_TEXTS: [&str; 2] = [SECRETS, ENTROPY];

    impl From<&Error> for V1_0 {
        fn from(error: &Error) -> Self {
            match error {
                Error::KeyReserved => Self::ConfigKeyReserved,
                Error::TooLarge { .. } => Self::TooLarge,
                Error::Registry(_) => Self::RegistryUnavailable,
                Error::Cancelled => Self::Cancelled,
                Error::Secrets(_) => Self::Unknown(SECRETS),
                Error::Entropy(_) => Self::Unknown(ENTROPY),
                // Whatever ended the call's authority reads the same: there is none.
                Error::Refused(_) => Self::CapabilityDenied,
            }
        }
    }
}

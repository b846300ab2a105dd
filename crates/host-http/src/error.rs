//! Everything an http function can answer besides success, and what each frozen face makes of it.

use astrid_airlock::Refused;
use astrid_host_context::{Denial, Failure, Outcome, QuotaExceeded, Refusal};
use wasmtime::component::ResourceTableError;

/// Why an http function did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The envelope's own refusal.
    #[error(transparent)]
    Refused(Refusal),
    /// The request is not well formed; the text says what was wrong and what is accepted.
    #[error("{0}")]
    Invalid(&'static str),
    /// The scheme is not allowed.
    #[error("the scheme is not https, nor http where that is allowed")]
    Scheme,
    /// A placeholder names what the manifest declares no secret.
    #[error("{0:?} is no secret of the manifest; declare it under [env] with type \"secret\"")]
    UndeclaredSecret(String),
    /// The secret store did not answer.
    #[error("the secret store did not answer")]
    SecretStore,
    /// The airlock let no address through.
    #[error(transparent)]
    Airlock(#[from] Refused),
    /// The handshake failed.
    #[error("no secure connection: {0}")]
    Tls(String),
    /// A time limit was reached.
    #[error("{0} took too long")]
    Timeout(Phase),
    /// The connection failed.
    #[error("connection failed: {0}")]
    Connection(String),
    /// The body is over the cap.
    #[error("the response is larger than {0} bytes")]
    BodyTooLarge(u64),
    /// The body inflates past the limit.
    #[error("the body decompresses to more than {0} bytes")]
    Bomb(u64),
    /// The digest does not match.
    #[error("the body does not have the expected digest")]
    Integrity,
    /// A redirect that the policy or the address forbids.
    #[error("the redirect is not allowed: {0}")]
    RedirectBlocked(&'static str),
    /// One redirect too many.
    #[error("more than {0} redirects")]
    TooManyRedirects(u32),
    /// The server broke the protocol, or the guest called too early.
    #[error("{0}")]
    Protocol(&'static str),
    /// The response or upload is closed.
    #[error("closed")]
    Closed,
    /// The rate of requests is used up.
    #[error("more than {0} requests in a second")]
    Rate(u64),
    /// Contract trap: an io budget is used up where the function has no error arm.
    #[error(transparent)]
    Handles(QuotaExceeded),
    /// Contract trap: a handle that is not in the store's table.
    #[error(transparent)]
    Table(#[from] ResourceTableError),
}

/// What a time limit was for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Resolve, connect, secure.
    Connect,
    /// From the end of the request to the status.
    FirstByte,
    /// Between two pieces of a body.
    BetweenBytes,
    /// Everything.
    Total,
}

impl std::fmt::Display for Phase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Connect => "connecting",
            Self::FirstByte => "the beginning of the response",
            Self::BetweenBytes => "the next piece of the body",
            Self::Total => "the request as a whole",
        })
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<Denial> for Error {
    fn from(denial: Denial) -> Self {
        Self::Refused(Refusal::Denied(denial))
    }
}

impl Failure for Error {
    fn outcome(&self) -> Outcome {
        match self {
            Self::Refused(refusal) => refusal.outcome(),
            Self::UndeclaredSecret(_) => Outcome::Denied("capability-denied"),
            Self::Airlock(Refused::Blocked { .. }) => Outcome::Denied("airlock-rejected"),
            Self::Rate(_) | Self::Handles(_) => Outcome::Denied("quota"),
            Self::Airlock(Refused::Unresolvable(_)) => Outcome::Failed("dns-error"),
            Self::Invalid(_) => Outcome::Failed("invalid-request"),
            Self::Scheme => Outcome::Failed("scheme-denied"),
            Self::SecretStore => Outcome::Failed("unknown"),
            Self::Tls(_) => Outcome::Failed("tls-error"),
            Self::Timeout(_) => Outcome::Failed("timeout"),
            Self::Connection(_) => Outcome::Failed("connection-error"),
            Self::BodyTooLarge(_) => Outcome::Failed("body-too-large"),
            Self::Bomb(_) => Outcome::Failed("decompression-bomb"),
            Self::Integrity => Outcome::Failed("integrity-mismatch"),
            Self::RedirectBlocked(_) => Outcome::Failed("redirect-blocked"),
            Self::TooManyRedirects(_) => Outcome::Failed("too-many-redirects"),
            Self::Protocol(_) => Outcome::Failed("protocol"),
            Self::Closed => Outcome::Failed("closed"),
            Self::Table(_) => Outcome::Failed("trap"),
        }
    }

    fn operator_detail(&self) -> Option<String> {
        match self {
            Self::Refused(refusal) => refusal.operator_detail(),
            Self::Closed => None,
            other => Some(other.to_string()),
        }
    }
}

/// What the frozen faces can say, one exhaustive enum a face.
pub mod arms {
    use super::Error;
    use astrid_airlock::Refused;
    use astrid_host_context::Refusal;

    /// `astrid:http/host@1.1.0`'s `error-code`.
    #[derive(Debug)]
    pub enum V1_1 {
        /// `capability-denied`
        CapabilityDenied,
        /// `invalid-request`
        InvalidRequest,
        /// `dns-error`
        DnsError,
        /// `airlock-rejected`
        AirlockRejected,
        /// `tls-error`
        TlsError,
        /// `timeout`
        Timeout,
        /// `connection-error`
        ConnectionError,
        /// `body-too-large`
        BodyTooLarge,
        /// `closed`
        Closed,
        /// `quota`
        Quota,
        /// `redirect-blocked`
        RedirectBlocked,
        /// `too-many-redirects`
        TooManyRedirects,
        /// `integrity-mismatch`
        IntegrityMismatch,
        /// `scheme-denied`
        SchemeDenied,
        /// `decompression-bomb`
        DecompressionBomb,
        /// `protocol`
        Protocol(&'static str),
        /// `unknown`
        Unknown(&'static str),
        /// The contract has no arm: the guest traps.
        Trap(Error),
    }

    impl From<Error> for V1_1 {
        fn from(error: Error) -> Self {
            match error {
                Error::Refused(Refusal::Retired | Refusal::Denied(_)) | Error::UndeclaredSecret(_) => {
                    Self::CapabilityDenied
                }
                Error::Refused(Refusal::Cancelled) | Error::Closed => Self::Closed,
                Error::Refused(Refusal::DeadlineExceeded) | Error::Timeout(_) => Self::Timeout,
                Error::Refused(Refusal::Quota(_)) | Error::Rate(_) => Self::Quota,
                Error::Refused(Refusal::AuditUnavailable) => Self::Unknown("audit unavailable"),
                Error::SecretStore => Self::Unknown("secret store unavailable"),
                Error::Invalid(_) => Self::InvalidRequest,
                Error::Scheme => Self::SchemeDenied,
                Error::Airlock(Refused::Unresolvable(_)) => Self::DnsError,
                Error::Airlock(Refused::Blocked { .. }) => Self::AirlockRejected,
                Error::Tls(_) => Self::TlsError,
                Error::Connection(_) => Self::ConnectionError,
                Error::BodyTooLarge(_) => Self::BodyTooLarge,
                Error::Bomb(_) => Self::DecompressionBomb,
                Error::Integrity => Self::IntegrityMismatch,
                Error::RedirectBlocked(_) => Self::RedirectBlocked,
                Error::TooManyRedirects(_) => Self::TooManyRedirects,
                Error::Protocol(text) => Self::Protocol(text),
                trap @ (Error::Handles(_) | Error::Table(_)) => Self::Trap(trap),
            }
        }
    }

    /// `astrid:http/host@1.0.0`'s `error-code`.
    #[derive(Debug)]
    pub enum V1_0 {
        /// `capability-denied`
        CapabilityDenied,
        /// `invalid-request`
        InvalidRequest,
        /// `dns-error`
        DnsError,
        /// `airlock-rejected`
        AirlockRejected,
        /// `tls-error`
        TlsError,
        /// `timeout`
        Timeout,
        /// `connection-error`
        ConnectionError,
        /// `body-too-large`
        BodyTooLarge,
        /// `closed`
        Closed,
        /// `quota`
        Quota,
        /// `protocol`
        Protocol(&'static str),
        /// `unknown`
        Unknown(&'static str),
        /// The contract has no arm: the guest traps.
        Trap(Error),
    }

    impl From<Error> for V1_0 {
        fn from(error: Error) -> Self {
            match V1_1::from(error) {
                V1_1::CapabilityDenied => Self::CapabilityDenied,
                V1_1::InvalidRequest | V1_1::SchemeDenied => Self::InvalidRequest,
                V1_1::DnsError => Self::DnsError,
                V1_1::AirlockRejected | V1_1::RedirectBlocked => Self::AirlockRejected,
                V1_1::TlsError => Self::TlsError,
                V1_1::Timeout => Self::Timeout,
                V1_1::ConnectionError => Self::ConnectionError,
                V1_1::BodyTooLarge | V1_1::DecompressionBomb => Self::BodyTooLarge,
                V1_1::Closed => Self::Closed,
                V1_1::Quota => Self::Quota,
                V1_1::TooManyRedirects => Self::Protocol("too many redirects"),
                V1_1::IntegrityMismatch => Self::Protocol("integrity mismatch"),
                V1_1::Protocol(text) => Self::Protocol(text),
                V1_1::Unknown(text) => Self::Unknown(text),
                V1_1::Trap(error) => Self::Trap(error),
            }
        }
    }
}

//! The one TLS configuration of guests: they have no switch for any of it.

use std::sync::Arc;

use rustls::client::Resumption;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

/// Why a client could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// `http.extra_ca` holds no certificate that can be read.
    #[error("http.extra_ca is not valid: {0}; give certificates as PEM")]
    ExtraCa(String),
    /// The TLS library refuses its own defaults.
    #[error("tls cannot be set up: {0}")]
    Tls(#[from] rustls::Error),
}

/// Configurations by where a connection may go.
#[derive(Clone)]
pub(crate) struct TlsConfigs {
    /// To public addresses; sessions are resumed.
    pub(crate) public: Arc<ClientConfig>,
    /// To addresses an operator admitted; nothing is remembered, so that no capsule's session is another's.
    pub(crate) opted_in: Arc<ClientConfig>,
}

impl TlsConfigs {
    /// Reads the platform's roots, which touches the disk: at start-up only.
    pub(crate) fn new(extra_ca: &[Vec<u8>]) -> Result<Self, SetupError> {
        let mut roots = RootCertStore::empty();
        let platform = rustls_native_certs::load_native_certs();
        for error in &platform.errors {
            tracing::warn!(%error, "a platform root certificate cannot be read");
        }
        roots.add_parsable_certificates(platform.certs);
        for pem in extra_ca {
            let mut found = 0;
            for certificate in CertificateDer::pem_slice_iter(pem) {
                let certificate = certificate.map_err(|error| SetupError::ExtraCa(format!("{error:?}")))?;
                roots.add(certificate).map_err(|error| SetupError::ExtraCa(error.to_string()))?;
                found += 1;
            }
            if found == 0 {
                return Err(SetupError::ExtraCa("it holds none".to_owned()));
            }
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut public = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        public.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let mut opted_in = public.clone();
        opted_in.resumption = Resumption::disabled();
        Ok(Self { public: Arc::new(public), opted_in: Arc::new(opted_in) })
    }
}

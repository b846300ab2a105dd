//! What all stores of a kernel share: airlock, TLS, connections, rates.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use astrid_airlock::{Airlock, Host};
use astrid_host_context::{CapsuleId, Principal};

use crate::open::OpenExchanges;
use crate::opted_in::{Cord, OptedIn};
use crate::outcomes::Outcomes;
use crate::pool::Pool;
use crate::rate::{CapsuleSlots, Rates};
use crate::settings::HttpSettings;
use crate::tls::{SetupError, TlsConfigs};

/// The one client of a kernel. Nothing of one request is remembered for another: no cookies, no
/// cache, no credentials; only connections, by endpoint and by whom the airlock admitted.
pub struct HttpClient {
    airlock: Arc<Airlock>,
    settings: HttpSettings,
    tls: TlsConfigs,
    pool: Arc<Pool>,
    opted_in: OptedIn,
    rates: Rates,
    slots: CapsuleSlots,
    outcomes: Outcomes,
    exchanges: Arc<OpenExchanges>,
}

impl HttpClient {
    /// Starts a client that dials what `airlock` admits.
    #[must_use]
    pub fn builder(airlock: Arc<Airlock>) -> HttpClientBuilder {
        HttpClientBuilder { airlock, settings: HttpSettings::default(), extra_ca: Vec::new() }
    }

    /// Who decides about addresses.
    #[must_use]
    pub fn airlock(&self) -> &Airlock {
        &self.airlock
    }

    /// The operator's defaults and ceilings.
    #[must_use]
    pub fn settings(&self) -> &HttpSettings {
        &self.settings
    }

    /// How many requests of each capsule came to what: `ok`, or why not. Each hop of a redirect counts,
    /// and so does what was refused before anything was sent.
    #[must_use]
    pub fn figures(&self) -> Vec<(CapsuleId, &'static str, u64)> {
        self.outcomes.figures()
    }

    pub(crate) fn outcomes(&self) -> &Outcomes {
        &self.outcomes
    }

    /// Ends the streams and uploads of a principal that may not have them any more: the connections close
    /// at once, read or not, and guests are told that they are closed. Gives how many there were.
    pub fn close_streams_of(&self, who: &Principal) -> usize {
        self.exchanges.cut(who)
    }

    /// Streams and uploads of named principals that are open.
    #[must_use]
    pub fn open_streams(&self) -> usize {
        self.exchanges.len()
    }

    pub(crate) fn exchanges(&self) -> &Arc<OpenExchanges> {
        &self.exchanges
    }

    pub(crate) fn tls(&self) -> &TlsConfigs {
        &self.tls
    }

    pub(crate) fn pool(&self) -> &Arc<Pool> {
        &self.pool
    }

    /// What ends a connection to an address the operator admitted.
    pub(crate) fn on_cord(&self, capsule: &CapsuleId, host: &Host, address: SocketAddr) -> Arc<Cord> {
        self.opted_in.add(&self.airlock, capsule, host, address)
    }

    pub(crate) fn rates(&self) -> &Rates {
        &self.rates
    }

    pub(crate) fn slots(&self) -> &CapsuleSlots {
        &self.slots
    }
}

impl fmt::Debug for HttpClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpClient").field("settings", &self.settings).finish_non_exhaustive()
    }
}

/// Builds an [`HttpClient`].
#[derive(Debug)]
pub struct HttpClientBuilder {
    airlock: Arc<Airlock>,
    settings: HttpSettings,
    extra_ca: Vec<Vec<u8>>,
}

impl HttpClientBuilder {
    /// The operator's section `[http]`.
    #[must_use]
    pub fn settings(mut self, settings: HttpSettings) -> Self {
        self.settings = settings;
        self
    }

    /// Further root certificates as PEM, operator key `http.extra_ca`.
    #[must_use]
    pub fn extra_ca(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.extra_ca.push(pem.into());
        self
    }

    /// Reads the platform's root certificates, so it belongs to the start of a kernel.
    ///
    /// # Errors
    /// [`SetupError`]
    pub fn build(self) -> Result<Arc<HttpClient>, SetupError> {
        Ok(Arc::new(HttpClient {
            airlock: self.airlock,
            settings: self.settings,
            tls: TlsConfigs::new(&self.extra_ca)?,
            pool: Arc::default(),
            opted_in: OptedIn::default(),
            rates: Rates::default(),
            slots: CapsuleSlots::default(),
            outcomes: Outcomes::default(),
            exchanges: Arc::default(),
        }))
    }
}

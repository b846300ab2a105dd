//! A connection for a request: one that waits, or a new one to a judged address.

use std::sync::Arc;

use astrid_airlock::{Admission, DialError};
use astrid_host_context::CapsuleId;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;
use tokio_rustls::TlsConnector;

use crate::client::HttpClient;
use crate::error::Phase;
use crate::heads::{Doubt, Heads};
use crate::limits::{CONNECTION_WINDOW, HTTP1_BUFFER, MAX_HEADER_BYTES, MAX_RESPONSE_FIELDS, STREAM_WINDOW};
use crate::opted_in::Corded;
use crate::pool::{Asking, Key, Lease, Origin};
use crate::settings::Plan;
use crate::target::HttpUrl;
use crate::{Error, fault};

/// A connection and whether it had waited, in which case it may turn out to be dead.
pub(crate) struct Connected {
    pub(crate) lease: Lease,
    pub(crate) pooled: bool,
}

/// Who connects, and by which rules.
pub(crate) struct Caller<'a> {
    pub(crate) capsule: &'a CapsuleId,
    pub(crate) plan: &'a Plan,
    pub(crate) beyond: Beyond,
}

/// What a hop may reach besides public addresses.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Beyond {
    /// What the operator admitted the capsule to. False behind a redirect from elsewhere: no site may
    /// steer a capsule into a local service.
    pub(crate) opted_in: bool,
    /// The URL's own literal address, which somebody was asked about.
    pub(crate) consented: bool,
}

impl HttpClient {
    /// A connection to the URL's host within the connect limit.
    pub(crate) async fn connect(
        &self,
        caller: &Caller<'_>,
        url: &HttpUrl,
        fresh: bool,
    ) -> Result<Connected, Error> {
        let work = Box::pin(self.find_or_dial(caller, url, fresh));
        tokio::time::timeout(caller.plan.connect, work).await.unwrap_or(Err(Error::Timeout(Phase::Connect)))
    }

    async fn find_or_dial(
        &self,
        caller: &Caller<'_>,
        url: &HttpUrl,
        fresh: bool,
    ) -> Result<Connected, Error> {
        let key = Key { https: url.is_https(), host: url.host().clone(), port: url.port() };
        let asking = Asking {
            airlock: self.airlock(),
            capsule: caller.capsule,
            opted_in_allowed: caller.beyond.opted_in,
        };
        // A connection that waits was judged by the rules, which this one is an exception from.
        let fresh = fresh || caller.beyond.consented;
        if !fresh && let Some(lease) = self.waiting(&key, &asking).await {
            return Ok(Connected { lease, pooled: true });
        }
        let turn = self.pool().turn(&key).await;
        if !fresh
            && turn.is_some()
            && let Some(lease) = self.waiting(&key, &asking).await
        {
            return Ok(Connected { lease, pooled: true });
        }
        let lease = self.dial(caller, &key).await?;
        Ok(Connected { lease, pooled: false })
    }

    async fn waiting(&self, key: &Key, asking: &Asking<'_>) -> Option<Lease> {
        while let Some(mut lease) = self.pool().take(key, asking) {
            if lease.ready().await.is_ok() {
                return Some(lease);
            }
        }
        None
    }

    async fn dial(&self, caller: &Caller<'_>, key: &Key) -> Result<Lease, Error> {
        let Beyond { opted_in: allowed, consented } = caller.beyond;
        let vetted = match consented {
            true => self.airlock().vet_consented(&key.host, key.port)?,
            false => self.airlock().vet(caller.capsule, &key.host, key.port).await?,
        };
        let opted_in = vetted.admission() == Admission::OptedIn;
        if opted_in && !allowed {
            return Err(Error::RedirectBlocked("it leads into a local service"));
        }
        let stream = vetted.dial().await.map_err(|error| match error {
            DialError::Failed(error) => Error::Connection(error.to_string()),
            DialError::OtherPeer => Error::Connection(error.to_string()),
        })?;
        let address = stream.peer_addr().map_err(|error| Error::Connection(error.to_string()))?;
        // Requests are written whole; waiting for more would only delay them.
        let _ = stream.set_nodelay(true);
        // Consent is to this request; the rules, whose change the cord follows, never admitted it.
        let corded = opted_in && !consented;
        let cord = corded.then(|| self.on_cord(caller.capsule, &key.host, address));
        let stream = Corded::new(stream, cord);
        let owner = opted_in.then(|| caller.capsule.clone());
        let origin = Origin { address, owner, born: Instant::now() };
        if !key.https {
            return self.http1(key, origin, stream).await;
        }
        let configs = self.tls();
        let config = if opted_in { &configs.opted_in } else { &configs.public };
        let name = ServerName::try_from(key.host.text().into_owned())
            .map_err(|_| Error::Tls("the host cannot be a server name".to_owned()))?;
        let connector = TlsConnector::from(Arc::clone(config));
        let stream = connector.connect(name, stream).await.map_err(|error| fault::of_io(&error))?;
        if stream.get_ref().1.alpn_protocol() == Some(b"h2") {
            return self.http2(key, origin, stream).await;
        }
        self.http1(key, origin, stream).await
    }

    pub(crate) async fn http1<S>(&self, key: &Key, origin: Origin, stream: S) -> Result<Lease, Error>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let doubt = Doubt::default();
        let (sender, connection) = http1::Builder::new()
            .max_headers(MAX_RESPONSE_FIELDS)
            .max_buf_size(HTTP1_BUFFER)
            .handshake(TokioIo::new(Heads::new(stream, doubt.clone())))
            .await
            .map_err(|error| fault::of_hyper(&error))?;
        let task = tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "http/1.1 connection ended");
            }
        });
        Ok(self.pool().lease_http1(key, origin, sender, task.abort_handle(), doubt))
    }

    async fn http2<S>(&self, key: &Key, origin: Origin, stream: S) -> Result<Lease, Error>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let (sender, connection) = http2::Builder::new(TokioExecutor::new())
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_header_list_size(
                u32::try_from(MAX_HEADER_BYTES + 32 * MAX_RESPONSE_FIELDS).unwrap_or(u32::MAX),
            )
            .handshake(TokioIo::new(stream))
            .await
            .map_err(|error| fault::of_hyper(&error))?;
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "http/2 connection ended");
            }
        });
        Ok(self.pool().lease_http2(key, origin, sender))
    }
}

//! The ways out of the host that capsules share.

use std::sync::Arc;

use astrid_airlock::Airlock;
use astrid_host_http::HttpClient;

use crate::{CapsuleError, Config};

/// The one judge of addresses, for http and sockets alike.
pub(super) fn airlock(config: &Config) -> Arc<Airlock> {
    Arc::new(Airlock::builder().rules(config.local_egress.clone()).build())
}

/// The one HTTP client, whose connections all capsules share.
pub(super) fn http_client(airlock: &Arc<Airlock>, config: &Config) -> Result<Arc<HttpClient>, CapsuleError> {
    let client = HttpClient::builder(airlock.clone()).settings(config.http.clone());
    let with_roots = config.http_extra_ca.iter().fold(client, |client, pem| client.extra_ca(pem.clone()));
    with_roots.build().map_err(CapsuleError::host)
}

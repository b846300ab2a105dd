//! What principals hold in the host beside their calls.

use std::sync::Arc;

use astrid_host_context::Principal;
use astrid_host_fs::Directories;
use astrid_host_http::HttpClient;
use astrid_host_net::Connections;
use astrid_host_process::Processes;
use astrid_principals::RevocationHook;

use crate::approval::Consents;

/// Takes sockets, HTTP exchanges, open directories, processes and the consent of the session away from whoever is
/// revoked.
pub(crate) struct Held {
    pub(crate) connections: Connections,
    pub(crate) http: Arc<HttpClient>,
    pub(crate) directories: Arc<Directories>,
    pub(crate) consents: Consents,
    pub(crate) processes: Arc<Processes>,
}

impl RevocationHook for Held {
    fn revoked(&self, who: &Principal) {
        self.connections.close(|facts| {
            let proven = facts.identity.as_ref().map(|peer| &peer.principal);
            facts.principal.as_ref() == Some(who) || proven == Some(who)
        });
        self.connections.close_udp_of(who);
        self.http.close_streams_of(who);
        self.directories.forget(who);
        self.consents.end_session(who);
        self.processes.end_principal(who);
    }
}

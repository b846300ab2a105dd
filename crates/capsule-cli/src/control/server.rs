//! Accepting connections of the user who started the run.

use std::sync::Arc;
use std::time::Duration;

use astrid_capsule::Runtime;
use tokio::net::UnixStream;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::endpoint::Endpoint;
use super::session::Session;
use crate::output;

/// Connections served at once; more wait in the backlog of the socket.
const CONNECTIONS: usize = 64;
/// Pause after a foreign peer or a failed accept, so that neither costs a core.
const PAUSE: Duration = Duration::from_millis(100);

/// Serves until dropped, which ends every connection.
pub(crate) async fn serve(endpoint: Endpoint, runtime: Runtime, principal: String) {
    let free = Arc::new(Semaphore::new(CONNECTIONS));
    let principal: Arc<str> = principal.into();
    let mut served = JoinSet::new();
    loop {
        // The semaphore lives in this function and nobody closes it.
        let Ok(slot) = free.clone().acquire_owned().await else { return };
        let stream = match endpoint.listener.accept().await {
            Ok((stream, _)) if same_user(&stream) => stream,
            Ok(_) => {
                output::warning("--listen: a connection of another user was closed");
                tokio::time::sleep(PAUSE).await;
                continue;
            }
            Err(error) => {
                output::warning(format!("--listen: {error}"));
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        let session = Session::new(stream, runtime.clone(), principal.clone());
        served.spawn(async move {
            let _slot = slot;
            session.run().await;
        });
        while served.try_join_next().is_some() {}
    }
}

/// Only the kernel knows who connected; root gets no exception, as it needs none.
fn same_user(stream: &UnixStream) -> bool {
    stream.peer_cred().is_ok_and(|peer| peer.uid() == rustix::process::geteuid().as_raw())
}

//! Accepts TCP connections and carries each to one upstream server, both ways. The bytes never enter the capsule: the
//! host moves them from socket to socket (`output-stream.splice`), and the run loop only says when.
//!
//! Two events: `proxy.v1.listening {address}` and, for every connection that ended, `proxy.v1.closed {sent, received}`.

mod connection;
mod way;

use astrid_sdk::astrid_sys::astrid::io::poll::poll;
use astrid_sdk::astrid_sys::astrid::net::host::{ErrorCode, TcpListener, bind_tcp, connect_tcp};
use astrid_sdk::prelude::*;
use serde::Serialize;

use crate::connection::Connection;

/// A capsule may have eight streams open, and each connection is two.
const MAX_CONNECTIONS: usize = 4;

/// The capsule; what it knows lives in its run loop.
#[derive(Default)]
pub struct Proxy;

/// The payload of `proxy.v1.listening`.
#[derive(Debug, Serialize)]
struct Listening {
    address: String,
}

/// The payload of `proxy.v1.closed`.
#[derive(Debug, Serialize)]
struct Closed {
    /// Bytes from the client to the upstream.
    sent: u64,
    /// Bytes from the upstream to the client.
    received: u64,
}

/// Carries TCP connections to one upstream server.
#[capsule]
impl Proxy {
    /// Serves until the host ends it.
    #[astrid::run]
    fn run(&self) -> Result<(), SysError> {
        let upstream = split(&env::var("upstream")?)?;
        let (host, port) = split(&env::var("listen")?)?;
        let listener = bind_tcp(&host, port).map_err(|error| failed("listen", &error))?;
        let address = listener.local_addr().map_err(|error| failed("listen", &error))?;
        runtime::signal_ready()?;
        ipc::publish_json("proxy.v1.listening", &Listening { address })?;
        serve(&listener, &upstream)
    }
}

fn serve(listener: &TcpListener, (host, port): &(String, u16)) -> Result<(), SysError> {
    let arrivals = listener.subscribe_readiness();
    let mut connections: Vec<Connection> = Vec::new();
    loop {
        let mut waits: Vec<_> = connections.iter().flat_map(Connection::waits).collect();
        if connections.len() < MAX_CONNECTIONS {
            waits.push(&arrivals);
        }
        // It fails once the capsule is to end.
        if poll(&waits).is_err() {
            return Ok(());
        }
        for index in (0..connections.len()).rev() {
            let Some(connection) = connections.get_mut(index) else { continue };
            if connection.go_on() {
                let Closed { sent, received } = connections.swap_remove(index).counts();
                ipc::publish_json("proxy.v1.closed", &Closed { sent, received })?;
            }
        }
        if connections.len() < MAX_CONNECTIONS {
            match listener.poll_accept(0) {
                Ok(Some(client)) => match connect_tcp(host, *port) {
                    Ok(server) => connections.push(Connection::new(client, server)),
                    // The client learns of it by the end of its connection.
                    Err(error) => log::warn(format!("the upstream cannot be reached: {error:?}")),
                },
                Ok(None) => {}
                Err(ErrorCode::Closed) => return Ok(()),
                Err(error) => return Err(failed("accept", &error)),
            }
        }
    }
}

fn split(address: &str) -> Result<(String, u16), SysError> {
    let parts = address.rsplit_once(':').and_then(|(host, port)| Some((host.to_owned(), port.parse().ok()?)));
    parts.ok_or_else(|| SysError::ApiError(format!("{address:?} is no address; allowed: host:port")))
}

fn failed(what: &str, error: &ErrorCode) -> SysError {
    SysError::ApiError(format!("{what}: {error:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_split_at_its_last_colon() {
        assert_eq!(split("127.0.0.1:80").unwrap(), ("127.0.0.1".to_owned(), 80));
        assert_eq!(split("[::1]:80").unwrap(), ("[::1]".to_owned(), 80));
        assert!(split("h").is_err() && split("h:x").is_err());
    }
}

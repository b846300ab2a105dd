//! A client and its server.

use astrid_sdk::astrid_sys::astrid::io::poll::Pollable;
use astrid_sdk::astrid_sys::astrid::net::host::TcpStream;

use crate::Closed;
use crate::way::Way;

/// Two ways, one in each direction.
pub struct Connection {
    sends: Way,
    receives: Way,
    failed: bool,
}

impl Connection {
    /// Carries from `client` to `server` and back.
    pub fn new(client: TcpStream, server: TcpStream) -> Self {
        let (from_client, to_client) = (client.read_stream(), client.write_stream());
        let (from_server, to_server) = (server.read_stream(), server.write_stream());
        Self {
            sends: Way::new(from_client, to_server, server),
            receives: Way::new(from_server, to_client, client),
            failed: false,
        }
    }

    /// What it waits for now.
    pub fn waits(&self) -> impl Iterator<Item = &Pollable> {
        [&self.sends, &self.receives].into_iter().filter_map(Way::waits)
    }

    /// Moves what can be moved; true once nothing more will come.
    pub fn go_on(&mut self) -> bool {
        // A reset of one side is the end of both.
        self.failed = self.sends.go_on().is_err() || self.receives.go_on().is_err();
        self.failed || self.sends.is_done() && self.receives.is_done()
    }

    /// Bytes moved in each direction.
    pub fn counts(&self) -> Closed {
        Closed { sent: self.sends.moved(), received: self.receives.moved() }
    }
}

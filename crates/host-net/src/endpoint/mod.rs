//! A capsule's local socket: made by the kernel at load, handed to the guest by `bind-unix`.

mod acceptor;
mod place;
mod queue;

use std::io;
use std::path::Path;
use std::sync::Arc;

use tokio::task::AbortHandle;

use crate::SessionAuth;
use acceptor::Acceptor;
use place::Place;
pub(crate) use queue::{Client, Queue};

/// A listening Unix socket that does the handshake before anybody sees a connection. Usable without a
/// runtime of capsules: the kernel binds it, and gives it to the stores that may have it. Dropping it
/// closes the socket and removes its file.
#[derive(Debug)]
pub struct UnixEndpoint {
    queue: Arc<Queue>,
    main: Site,
    /// Further sockets whose clients join the same queue.
    others: Vec<Site>,
}

/// One bound socket.
#[derive(Debug)]
struct Site {
    place: Place,
    acceptor: AbortHandle,
}

impl UnixEndpoint {
    /// Binds a socket at `path`, mode 0600 in a directory of mode 0700 that is made if need be, and
    /// serves it for this process's user. A path too long for the kernel gets a hashed name beside it
    /// ([`UnixEndpoint::path`]). Needs a tokio runtime; blocks for the file system.
    ///
    /// # Errors
    /// The path cannot be made, or a live socket or something that is no socket is there.
    pub fn bind(path: &Path, auth: Arc<SessionAuth>) -> io::Result<Self> {
        Self::bind_for(path, auth, rustix::process::geteuid().as_raw())
    }

    /// As [`UnixEndpoint::bind`], for clients of the user with this id alone.
    ///
    /// # Errors
    /// As [`UnixEndpoint::bind`].
    pub fn bind_for(path: &Path, auth: Arc<SessionAuth>, user: u32) -> io::Result<Self> {
        let queue = Arc::new(Queue::new());
        let main = Site::bind(path, auth, queue.clone(), user)?;
        Ok(Self { queue, main, others: Vec::new() })
    }

    /// Serves a further path too: the well-known one, for the capsule that owns it.
    ///
    /// # Errors
    /// As [`UnixEndpoint::bind`].
    pub fn also_at(mut self, path: &Path, auth: Arc<SessionAuth>) -> io::Result<Self> {
        let user = rustix::process::geteuid().as_raw();
        self.others.push(Site::bind(path, auth, self.queue.clone(), user)?);
        Ok(self)
    }

    /// Where clients find it: the path bound first.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.main.place.path()
    }

    pub(crate) fn queue(&self) -> &Arc<Queue> {
        &self.queue
    }
}

impl Site {
    fn bind(path: &Path, auth: Arc<SessionAuth>, queue: Arc<Queue>, user: u32) -> io::Result<Self> {
        let (listener, place) = Place::bind(path)?;
        let listener = tokio::net::UnixListener::from_std(listener)?;
        let acceptor = Acceptor { listener, auth, queue, user };
        Ok(Self { place, acceptor: tokio::spawn(acceptor.run()).abort_handle() })
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.acceptor.abort();
    }
}

impl Drop for UnixEndpoint {
    fn drop(&mut self) {
        self.queue.close();
    }
}

//! Accepts, checks and shakes hands, with many clients at once, so that a stalled one delays nobody.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use super::queue::{Client, Queue};
use crate::handshake::{BROKEN_OFF, OTHER_USER};
use crate::{HandshakeError, SessionAuth};

/// Handshakes at once, those included that wait for a place in the queue.
const AT_ONCE: usize = 32;
/// A whole handshake.
const HANDSHAKE_TIME: Duration = Duration::from_secs(15);
/// After a peer of another user, or an accept that failed: whoever makes them come cannot spin us.
const PAUSE: Duration = Duration::from_millis(100);

pub(super) struct Acceptor {
    pub(super) listener: UnixListener,
    pub(super) auth: Arc<SessionAuth>,
    pub(super) queue: Arc<Queue>,
    /// Peers of any other user are turned away.
    pub(super) user: u32,
}

impl Acceptor {
    /// Runs until dropped; dropping ends every handshake.
    pub(super) async fn run(self) {
        let slots = Arc::new(Semaphore::new(AT_ONCE));
        let rejections = Arc::new(Folded::default());
        let mut tasks = JoinSet::new();
        loop {
            let Ok(slot) = slots.clone().acquire_owned().await else { return };
            while tasks.try_join_next().is_some() {}
            let stream = match self.accept().await {
                Ok(stream) => stream,
                Err(error) => {
                    rejections.say("accept", &error.to_string());
                    sleep(PAUSE).await;
                    continue;
                }
            };
            let (auth, queue, rejections) = (self.auth.clone(), self.queue.clone(), rejections.clone());
            tasks.spawn(async move {
                match shake_hands(&auth, stream).await {
                    Ok(client) => queue.push(client).await,
                    Err(error) => rejections.say("handshake", &error.to_string()),
                }
                drop(slot);
            });
        }
    }

    async fn accept(&self) -> io::Result<UnixStream> {
        let (stream, _) = self.listener.accept().await?;
        let peer = stream.peer_cred()?.uid();
        if peer == self.user {
            return Ok(stream);
        }
        self.auth.failed(OTHER_USER);
        Err(io::Error::other("the peer belongs to another user"))
    }
}

async fn shake_hands(auth: &SessionAuth, mut stream: UnixStream) -> Result<Client, HandshakeError> {
    let outcome = timeout(HANDSHAKE_TIME, auth.handshake(&mut stream)).await;
    let identity = outcome.unwrap_or_else(|_| {
        // Ended from outside, so nobody else counts it.
        auth.failed(BROKEN_OFF);
        Err(HandshakeError::Broken(io::ErrorKind::TimedOut.into()))
    })?;
    Ok(Client { stream, identity: identity.map(Arc::new) })
}

/// Says at most one rejection a second, with how many there were since.
#[derive(Default)]
struct Folded(Mutex<(Option<Instant>, u64)>);

impl Folded {
    fn say(&self, stage: &'static str, reason: &str) {
        let mut state = self.0.lock();
        state.1 += 1;
        if state.0.is_some_and(|last| last.elapsed() < Duration::from_secs(1)) {
            return;
        }
        let count = std::mem::take(&mut state.1);
        state.0 = Some(Instant::now());
        tracing::warn!(target: "astrid.security", stage, reason, count, "local client turned away");
    }
}

//! Addresses that passed, and dialling exactly those.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::net::TcpStream;

use crate::RecentFailures;

/// Why an address passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Admission {
    /// It is public.
    Public,
    /// The operator admitted this capsule to it.
    OptedIn,
}

/// Addresses the airlock admitted; only the airlock makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vetted {
    /// In the order to dial, never empty.
    addresses: Vec<SocketAddr>,
    admission: Admission,
}

/// Why no connection was made.
#[derive(Debug, thiserror::Error)]
pub enum DialError {
    /// The last failure; a refusal is preferred, since it says that the peer is there.
    #[error(transparent)]
    Failed(io::Error),
    /// The connection came out somewhere else than at the address that was judged.
    #[error("the connection has another peer than was dialled")]
    OtherPeer,
}

impl DialError {
    fn weight(&self) -> u8 {
        match self {
            Self::OtherPeer => 2,
            Self::Failed(error) if error.kind() == io::ErrorKind::ConnectionRefused => 1,
            Self::Failed(_) => 0,
        }
    }
}

/// How long an attempt has the field to itself before the next address is tried beside it.
const STAGGER: Duration = Duration::from_millis(250);

impl Vetted {
    pub(crate) fn new(admitted: Vec<(SocketAddr, Admission)>) -> Option<Self> {
        let admission = admitted.iter().map(|(_, admission)| *admission).max()?;
        let mut addresses: Vec<SocketAddr> = Vec::with_capacity(admitted.len());
        let (v6, v4): (Vec<_>, Vec<_>) = admitted.into_iter().map(|(a, _)| a).partition(SocketAddr::is_ipv6);
        let (mut v6, mut v4) = (v6.into_iter(), v4.into_iter());
        // The families take turns, IPv6 first, so that a broken one costs one stagger.
        loop {
            let pair = [v6.next(), v4.next()];
            if pair.iter().all(Option::is_none) {
                break;
            }
            for address in pair.into_iter().flatten() {
                if !addresses.contains(&address) {
                    addresses.push(address);
                }
            }
        }
        Some(Self { addresses, admission })
    }

    /// The addresses, in the order to dial; never empty.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// [`Admission::OptedIn`] if any of them needed the operator's word.
    #[must_use]
    pub fn admission(&self) -> Admission {
        self.admission
    }

    /// Dials the addresses, each 250 ms after the one before or as soon as that failed, and gives the
    /// first connection. The caller limits the time; dropping the future ends every attempt.
    ///
    /// # Errors
    /// [`DialError`] when all attempts failed.
    pub async fn dial(&self) -> Result<TcpStream, DialError> {
        self.dial_by(attempt).await
    }

    /// As [`Vetted::dial`], but an address that failed within the last second fails again without a
    /// packet: a guest that connects in a loop is no storm for its peer.
    ///
    /// # Errors
    /// As [`Vetted::dial`].
    pub async fn dial_sparing(&self, recent: &RecentFailures) -> Result<TcpStream, DialError> {
        self.dial_by(|address| async move {
            if let Some(error) = recent.of(address) {
                return Err(DialError::Failed(error));
            }
            let dialled = attempt(address).await;
            if let Err(DialError::Failed(error)) = &dialled {
                recent.note(address, error);
            }
            dialled
        })
        .await
    }

    async fn dial_by<F>(&self, attempt: impl Fn(SocketAddr) -> F) -> Result<TcpStream, DialError>
    where
        F: Future<Output = Result<TcpStream, DialError>>,
    {
        let mut waiting = self.addresses.iter().copied();
        let mut attempts = FuturesUnordered::new();
        let mut worst: Option<DialError> = None;
        let none = || DialError::Failed(io::ErrorKind::AddrNotAvailable.into());
        attempts.extend(waiting.next().map(&attempt));
        loop {
            tokio::select! {
                biased;
                done = attempts.next() => match done {
                    Some(Ok(stream)) => return Ok(stream),
                    Some(Err(error)) => {
                        if worst.as_ref().is_none_or(|w| w.weight() <= error.weight()) {
                            worst = Some(error);
                        }
                        attempts.extend(waiting.next().map(&attempt));
                    }
                    None => return Err(worst.unwrap_or_else(none)),
                },
                () = tokio::time::sleep(STAGGER), if waiting.len() > 0 => {
                    attempts.extend(waiting.next().map(&attempt));
                }
            }
        }
    }
}

async fn attempt(address: SocketAddr) -> Result<TcpStream, DialError> {
    let stream = TcpStream::connect(address).await.map_err(DialError::Failed)?;
    match stream.peer_addr() {
        Ok(peer) if peer == address => Ok(stream),
        Ok(_) => Err(DialError::OtherPeer),
        Err(error) => Err(DialError::Failed(error)),
    }
}

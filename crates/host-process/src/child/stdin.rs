//! A child's input: one writer at a time, in the order they came.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;

use astrid_host_context::Cancellation;
use parking_lot::Mutex;
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::sync::Mutex as Queue;

use crate::Error;

type Pipe = Box<dyn AsyncWrite + Send + Unpin>;

pub(crate) struct Stdin {
    /// Whoever writes has it locked; those who wait for it are served in order.
    pipe: Arc<Queue<Option<Pipe>>>,
    /// Fires when nothing more is to be written.
    closed: Cancellation,
    /// Fires when there is nobody left to read, which also ends what the request brought.
    gone: Cancellation,
    /// Bytes taken from guests so far, what the request brought included.
    taken: Mutex<u64>,
    most: u64,
}

impl Stdin {
    /// Writes `prelude` in a task, then leaves the pipe open for guests or closes it.
    pub(crate) fn new(pipe: Option<Pipe>, prelude: Option<Vec<u8>>, stays_open: bool, most: u64) -> Self {
        let stays_open = stays_open && pipe.is_some();
        let brought = prelude.as_ref().map_or(0, |bytes| bytes.len() as u64);
        let stdin = Self {
            pipe: Arc::new(Queue::new(pipe)),
            closed: Cancellation::new(),
            gone: Cancellation::new(),
            taken: Mutex::new(brought),
            most,
        };
        if !stays_open {
            stdin.closed.cancel();
        }
        match prelude {
            Some(prelude) => stdin.begin_with(prelude),
            None => stdin.settle(),
        }
        stdin
    }

    fn begin_with(&self, prelude: Vec<u8>) {
        // Nobody else has the pipe yet, so this comes before every guest's write.
        let Ok(mut pipe) = self.pipe.clone().try_lock_owned() else { return };
        let (closed, gone, again) = (self.closed.clone(), self.gone.clone(), self.pipe.clone());
        tokio::spawn(async move {
            let written = match pipe.as_mut() {
                Some(to) => tokio::select! {
                    biased;
                    () = gone.fired() => false,
                    // A child that ends or closes its input early is no error.
                    written = put(to, &prelude) => written.is_ok(),
                },
                None => false,
            };
            if !written {
                closed.cancel();
            }
            drop(pipe);
            settle(&closed, &again);
        });
    }

    /// Whether a guest may write.
    pub(crate) fn is_open(&self) -> bool {
        self.closed.standing() == astrid_host_context::Standing::Live
    }

    /// Writes all of it. True if it had to wait. Dropping the future in the middle closes the input.
    pub(crate) async fn write(&self, data: &[u8]) -> Result<bool, Error> {
        if data.is_empty() {
            return Ok(false);
        }
        if !self.is_open() {
            return Err(Error::Closed);
        }
        // The order of these three is that in which they are dropped, backwards: the lock, then what closes.
        let mut share = self.reserve(data.len() as u64)?;
        let mut torn = Torn { stdin: self, armed: false };
        let mut waited = false;
        let mut pipe = noting(&mut waited, async {
            tokio::select! {
                biased;
                () = self.closed.fired() => None,
                pipe = self.pipe.lock() => Some(pipe),
            }
        })
        .await
        .ok_or(Error::Closed)?;
        let to = pipe.as_mut().ok_or(Error::Closed)?;
        share.kept = true;
        torn.armed = true;
        let written = noting(&mut waited, async {
            tokio::select! {
                biased;
                () = self.closed.fired() => false,
                written = put(to, data) => written.is_ok(),
            }
        })
        .await;
        if !written {
            // Armed still: what went wrong closes the input for everybody.
            return Err(Error::Closed);
        }
        torn.armed = false;
        drop(pipe);
        self.settle();
        Ok(waited)
    }

    /// Closes for guests. What the request brought is still delivered.
    pub(crate) fn close(&self) {
        self.closed.cancel();
        self.settle();
    }

    /// Closes for everybody: the child is gone.
    pub(crate) fn end(&self) {
        self.gone.cancel();
        self.close();
    }

    fn settle(&self) {
        settle(&self.closed, &self.pipe);
    }

    fn reserve(&self, bytes: u64) -> Result<Share<'_>, Error> {
        let mut taken = self.taken.lock();
        let next = taken.saturating_add(bytes);
        if next > self.most {
            return Err(Error::TooLarge { what: "the input of a child", limit: self.most });
        }
        *taken = next;
        Ok(Share { stdin: self, bytes, kept: false })
    }
}

async fn put(pipe: &mut Pipe, data: &[u8]) -> std::io::Result<()> {
    pipe.write_all(data).await?;
    pipe.flush().await
}

/// Lets go of the pipe once it is closed. Whoever has it locked does this when they are done, so after a close
/// somebody always sees that it is.
fn settle(closed: &Cancellation, pipe: &Queue<Option<Pipe>>) {
    if closed.standing() != astrid_host_context::Standing::Live
        && let Ok(mut pipe) = pipe.try_lock()
    {
        *pipe = None;
    }
}

/// Bytes that count only once a first one may have been written.
struct Share<'a> {
    stdin: &'a Stdin,
    bytes: u64,
    kept: bool,
}

impl Drop for Share<'_> {
    fn drop(&mut self) {
        if !self.kept {
            *self.stdin.taken.lock() -= self.bytes;
        }
    }
}

/// A write of which nobody can say how much arrived ends the input.
struct Torn<'a> {
    stdin: &'a Stdin,
    armed: bool,
}

impl Drop for Torn<'_> {
    fn drop(&mut self) {
        if self.armed {
            self.stdin.closed.cancel();
        }
        self.stdin.settle();
    }
}

/// Notes whether `work` had to wait.
async fn noting<T>(waited: &mut bool, work: impl Future<Output = T>) -> T {
    let mut work = pin!(work);
    poll_fn(|cx| {
        let polled = work.as_mut().poll(cx);
        *waited |= polled.is_pending();
        polled
    })
    .await
}

//! What becomes of accepted bytes when their stream is dropped.

use std::future::poll_fn;
use std::task::{Context, ready};
use std::time::Duration;

use astrid_host_context::{Cancellation, Standing};
use tokio::runtime::Handle;

use crate::readiness::probe;
use crate::{HostOutput, StreamFailure};

/// Sends what a sink still holds, for a bounded time and only as long as the token is live.
#[derive(Debug, Clone)]
pub(crate) struct Drain {
    pub(crate) token: Cancellation,
    pub(crate) grace: Duration,
}

impl Drain {
    /// Closes the sink, in the background if it has bytes left. Never waits. Outside a tokio runtime
    /// there is no background, and the sink closes by being dropped.
    pub(crate) fn run(&self, mut sink: Box<dyn HostOutput>, unflushed: bool) {
        if self.token.standing() != Standing::Live || (unflushed && sink.start_flush().is_err()) {
            return;
        }
        let goodbye = |sink: &mut dyn HostOutput, cx: &mut Context<'_>| {
            ready!(sink.poll_flush(cx))?;
            sink.poll_close(cx).map(Ok::<_, StreamFailure>)
        };
        // Most streams have nothing left to say, and need no task to be closed.
        if probe(|cx| goodbye(&mut *sink, cx)).is_ready() {
            return;
        }
        let Ok(runtime) = Handle::try_current() else { return };
        let Self { token, grace } = self.clone();
        runtime.spawn(async move {
            let sent = poll_fn(|cx| goodbye(&mut *sink, cx));
            tokio::select! {
                biased;
                () = token.fired() => tracing::debug!("unsent bytes dropped: cancelled"),
                sent = tokio::time::timeout(grace, sent) => match sent {
                    Ok(Ok(())) => {}
                    Ok(Err(failure)) => tracing::debug!(?failure, "unsent bytes dropped"),
                    Err(_) => tracing::debug!(?grace, "unsent bytes dropped: peer too slow"),
                },
            }
        });
    }
}

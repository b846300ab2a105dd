//! Drives a guest call: one of its principal's places while it computes, a pause when it burns too fast.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use astrid_principals::{Admission, Turn};

use super::FuelGauge;

/// Awaits `call`, which started with `fuel`, and charges what it burns each time it lets go of the
/// worker: wasmtime yields after every `fuel_async_yield_interval`, so computation never goes long
/// without a look at the window. The place is taken for computing alone: a call that waits for the
/// host, or for another handler of its principal, has none.
pub(crate) async fn metered<T>(
    mut call: Pin<&mut impl Future<Output = T>>,
    fuel: u64,
    gauge: &FuelGauge,
    admission: &mut Admission<'_>,
    mut place: Turn<'_>,
) -> T {
    loop {
        let turn = poll_fn(|cx| {
            if let Poll::Ready(value) = ready!(compute(call.as_mut(), &mut place, cx)) {
                return Poll::Ready(Ok(value));
            }
            match admission.spent(fuel.saturating_sub(gauge.left())) {
                Duration::ZERO => Poll::Pending,
                pause => Poll::Ready(Err(pause)),
            }
        });
        match turn.await {
            Ok(value) => return value,
            // The call is polled again afterwards, whatever it waits for. Meanwhile its permits are for
            // others. Boxed: few calls pause, and every one would carry the timer.
            Err(pause) => Box::pin(astrid_dispatch::waiting(tokio::time::sleep(pause))).await,
        }
    }
}

/// Awaits `call` for as long as it takes, with one of its principal's places while it computes.
pub(crate) async fn placed<T>(mut call: Pin<&mut impl Future<Output = T>>, mut place: Turn<'_>) -> T {
    poll_fn(|cx| ready!(compute(call.as_mut(), &mut place, cx))).await
}

/// Polls the call once it has its place, and gives that back.
fn compute<T>(
    call: Pin<&mut impl Future<Output = T>>,
    place: &mut Turn<'_>,
    cx: &mut Context<'_>,
) -> Poll<Poll<T>> {
    ready!(place.poll_enter(cx));
    let polled = call.poll(cx);
    match polled {
        Poll::Ready(_) => place.end(),
        Poll::Pending => place.leave(),
    }
    Poll::Ready(polled)
}

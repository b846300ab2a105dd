//! Drives a guest call and makes it pause when its principal burns too fast.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use super::{Admission, FuelGauge};

/// Awaits `call`, which started with `fuel`, and charges what it burns each time it lets go of the
/// worker: wasmtime yields after every `fuel_async_yield_interval`, so computation never goes long
/// without a look at the window.
pub(crate) async fn metered<T>(
    call: impl Future<Output = T>,
    fuel: u64,
    gauge: &FuelGauge,
    admission: &mut Admission,
) -> T {
    let mut call = pin!(call);
    loop {
        let turn = poll_fn(|cx| match call.as_mut().poll(cx) {
            Poll::Ready(value) => Poll::Ready(Ok(value)),
            Poll::Pending => match admission.spent(fuel.saturating_sub(gauge.left())) {
                Duration::ZERO => Poll::Pending,
                pause => Poll::Ready(Err(pause)),
            },
        });
        match turn.await {
            Ok(value) => return value,
            // The call is polled again afterwards, whatever it waits for. Meanwhile its permits are
            // for others.
            Err(pause) => astrid_dispatch::waiting(tokio::time::sleep(pause)).await,
        }
    }
}

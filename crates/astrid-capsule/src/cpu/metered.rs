//! Drives a guest call and makes it pause when its principal burns too fast.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use super::{Admission, CpuMarks};

/// Awaits `call`, charging one interval for every yield that computation caused.
///
/// Wasmtime yields after each `fuel_async_yield_interval`; that is the only pending future of a
/// guest call that is neither a host wait nor an epoch yield, so counting those is an exact meter
/// without a hook on the guest's hot path.
pub(crate) async fn metered<T>(
    call: impl Future<Output = T>,
    marks: &CpuMarks,
    admission: &mut Admission,
) -> T {
    let mut call = pin!(call);
    let interval = admission.interval();
    loop {
        let pause = poll_fn(|cx| match call.as_mut().poll(cx) {
            Poll::Ready(value) => Poll::Ready(Ok(value)),
            Poll::Pending if marks.pending_is_fuel() => Poll::Ready(Err(admission.spend(interval))),
            Poll::Pending => Poll::Pending,
        })
        .await;
        match pause {
            Ok(value) => return value,
            Err(Duration::ZERO) => tokio::task::yield_now().await,
            Err(pause) => tokio::time::sleep(pause).await,
        }
    }
}

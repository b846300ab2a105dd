//! `clock-ms`, `clock-monotonic-ns`, `sleep-ns`, `random-bytes`.

use std::time::Duration;

use tokio::time::Instant;

use crate::config_ops::Never;
use crate::op_table::{CLOCK_MONOTONIC, CLOCK_MS, RANDOM, SLEEP};
use crate::{Error, SysCtxView, clock};

/// Longest sleep of one call: a minute, so that a guest comes back often enough to be unloaded.
pub const MAX_SLEEP_NS: u64 = 60_000_000_000;
/// Most random bytes of one call: a page, which is what guest bindings ask for at once.
pub const MAX_RANDOM: u64 = 4096;

impl SysCtxView<'_> {
    /// Wall clock in milliseconds since the epoch; may jump.
    pub fn clock_ms(&mut self) -> u64 {
        let resolution = self.ctx.shared.resolution;
        self.host.enter(&CLOCK_MS).run_always(|| Ok::<_, Never>(clock::wall_ms(resolution))).unwrap_or(0)
    }

    /// Nanoseconds that never go back, over all capsules of the process.
    pub fn clock_monotonic_ns(&mut self) -> u64 {
        let resolution = self.ctx.shared.resolution;
        let entry = self.host.enter(&CLOCK_MONOTONIC);
        entry.run_always(|| Ok::<_, Never>(clock::monotonic_ns(resolution))).unwrap_or(0)
    }

    /// Waits at least this long without holding a thread.
    ///
    /// # Errors
    /// [`Error::TooLarge`] over [`MAX_SLEEP_NS`], at once; [`Error::Cancelled`] when the call's token
    /// fired before or during the wait, or its deadline passed.
    pub async fn sleep(&mut self, nanos: u64) -> Result<(), Error> {
        let entry = self.host.enter(&SLEEP);
        entry
            .run_always_async(async {
                if nanos > MAX_SLEEP_NS {
                    return Err(Error::TooLarge { asked: nanos, most: MAX_SLEEP_NS });
                }
                entry.call().admit().map_err(|_| Error::Cancelled)?;
                if nanos == 0 {
                    return Ok(());
                }
                let until = Instant::now() + Duration::from_nanos(nanos);
                entry.race(tokio::time::sleep_until(until)).await.map_err(|_| Error::Cancelled)?;
                // The timer may have won a race it should lose: the token decides ties.
                entry.call().admit().map_err(|_| Error::Cancelled)?;
                entry.call().progress().mark_yielded();
                entry.call().progress().mark_waited_outside();
                Ok(())
            })
            .await
    }

    /// Exactly `length` bytes of the operating system's generator.
    ///
    /// # Errors
    /// [`Error::TooLarge`] over [`MAX_RANDOM`], and nothing is allocated; [`Error::Entropy`].
    pub fn random_bytes(&mut self, length: u64) -> Result<Vec<u8>, Error> {
        let entropy = self.ctx.shared.entropy.clone();
        self.host.enter(&RANDOM).run_always(|| {
            let too_large = Error::TooLarge { asked: length, most: MAX_RANDOM };
            let length = usize::try_from(length).ok().filter(|_| length <= MAX_RANDOM).ok_or(too_large)?;
            let mut bytes = vec![0; length];
            entropy.fill(&mut bytes)?;
            Ok(bytes)
        })
    }
}

//! What happens to a guest at each tick of the engine's clock.

use astrid_host_context::{CallContext, Standing};
use tokio::time::Instant;

use crate::cpu::Stop;

/// Ticks a cancelled guest may still use to come to an end by itself: the unload's two seconds.
const GRACE_TICKS: u32 = 20;
/// Windows without a cooperative wait after which a run loop is stopped (engines chapter §5).
const SILENT_WINDOWS: u32 = 3;

/// The rule a store's guest computes under.
#[derive(Debug, Clone, Copy)]
pub(crate) enum EpochRule {
    /// A handler: stopped at its deadline.
    Invocation {
        /// `None` for uplinks, whose handlers may serve for as long as they like.
        deadline: Option<Instant>,
    },
    /// A run loop: stopped after three silent windows, unless an operator exempted its owner.
    RunLoop {
        /// Ticks of one window.
        window: u32,
        /// Never stopped for silence, only for cancellation.
        exempt: bool,
    },
}

/// The rule with what it has counted.
#[derive(Debug)]
pub(crate) struct EpochState {
    rule: EpochRule,
    ticks: u32,
    silent: u32,
    cancelled: u32,
}

impl EpochState {
    pub(crate) fn new(rule: EpochRule) -> Self {
        Self { rule, ticks: 0, silent: 0, cancelled: 0 }
    }

    /// One tick: go on, or stop for a reason.
    pub(crate) fn tick(&mut self, call: &CallContext) -> Result<(), Stop> {
        match call.standing() {
            Standing::Live => self.cancelled = 0,
            // One message's principal has no authority, which every host call says; the loop itself has
            // other messages to serve, and its windows still bound it.
            Standing::Retired if matches!(self.rule, EpochRule::RunLoop { .. }) => self.cancelled = 0,
            Standing::Retired => return Err(Stop::Retired),
            Standing::Cancelled => {
                self.cancelled += 1;
                if self.cancelled >= GRACE_TICKS {
                    return Err(Stop::Cancelled);
                }
            }
        }
        match self.rule {
            EpochRule::Invocation { deadline: Some(at) } if Instant::now() >= at => Err(Stop::Deadline),
            EpochRule::Invocation { .. } => Ok(()),
            EpochRule::RunLoop { window, exempt } => {
                self.ticks += 1;
                if self.ticks < window {
                    return Ok(());
                }
                self.ticks = 0;
                self.silent = if call.progress().take_yielded() { 0 } else { self.silent + 1 };
                if self.silent >= SILENT_WINDOWS && !exempt { Err(Stop::Windows) } else { Ok(()) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use astrid_host_context::{Cancellation, CapsuleId};

    fn call(token: &Cancellation) -> CallContext {
        CallContext::builder(CapsuleId::parse("c").unwrap()).cancellation(token.clone()).build()
    }

    fn ticks_until_stopped(state: &mut EpochState, call: &CallContext) -> Option<(u32, Stop)> {
        (1..1000).find_map(|n| state.tick(call).err().map(|stop| (n, stop)))
    }

    // engines case 23
    #[test]
    fn a_silent_run_loop_is_stopped_after_three_windows_and_an_exempt_one_never() {
        let call = call(&Cancellation::new());
        let rule = |exempt| EpochState::new(EpochRule::RunLoop { window: 50, exempt });
        assert_eq!(ticks_until_stopped(&mut rule(false), &call), Some((150, Stop::Windows)));
        assert_eq!(ticks_until_stopped(&mut rule(true), &call), None);
    }

    // engines case 24
    #[test]
    fn a_run_loop_that_waits_once_a_window_is_never_stopped() {
        let call = call(&Cancellation::new());
        let mut state = EpochState::new(EpochRule::RunLoop { window: 50, exempt: false });
        for tick in 0..1000 {
            if tick % 40 == 0 {
                call.progress().mark_yielded();
            }
            assert_eq!(state.tick(&call), Ok(()));
        }
    }

    // principals §4
    #[test]
    fn a_message_without_authority_does_not_stop_a_run_loop_and_windows_still_do() {
        let refused = CallContext::builder(CapsuleId::parse("c").unwrap()).without_authority().build();
        let mut state = EpochState::new(EpochRule::RunLoop { window: 10, exempt: false });
        assert_eq!(ticks_until_stopped(&mut state, &refused), Some((30, Stop::Windows)));
    }

    #[test]
    fn a_cancelled_guest_has_two_seconds_and_a_retired_one_none() {
        let (unload, retire) = (Cancellation::new(), Cancellation::new());
        unload.cancel();
        retire.retire();
        let rule = || EpochState::new(EpochRule::Invocation { deadline: None });
        assert_eq!(ticks_until_stopped(&mut rule(), &call(&unload)), Some((20, Stop::Cancelled)));
        assert_eq!(ticks_until_stopped(&mut rule(), &call(&retire)), Some((1, Stop::Retired)));
    }
}

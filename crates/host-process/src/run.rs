//! A run of `spawn`: a child that nobody holds, and whose output comes whole at its end.

use std::pin::pin;
use std::sync::Arc;

use astrid_host_context::{Cancellation, Entry, Refusal, Standing};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use crate::capture::Capture;
use crate::child::Stdin;
use crate::limits::{BACKSTOP, CANCEL_GRACE, REAPED_SOON};
use crate::{Control, Error, LaunchError, ProcessResult, Running, Signal};

/// Killed when dropped before its end.
pub(crate) struct Run {
    control: Arc<dyn Control>,
    task: JoinHandle<ProcessResult>,
    over: bool,
}

/// How a run is ended that has not ended by itself.
enum End {
    /// SIGINT, and time to clean up.
    Politely,
    AtOnce,
}

impl Run {
    /// Reads and writes in a task of its own, so that the child never waits for the guest's turn. `held` is let
    /// go of when the child is reaped.
    pub(crate) fn begin(running: Running, prelude: Option<Vec<u8>>, held: impl Send + 'static) -> Self {
        let Running { control, stdin, stdout, stderr } = running;
        let control: Arc<dyn Control> = control.into();
        let of_task = control.clone();
        let stdin = Stdin::new(stdin, prelude, false, 0);
        let task = tokio::spawn(async move {
            let backstop = Cancellation::new();
            let mut outputs = pin!(async {
                let read = (Capture::read(stdout, backstop.clone()), Capture::read(stderr, backstop.clone()));
                tokio::join!(read.0, read.1)
            });
            let mut early = None;
            let exit = tokio::select! {
                biased;
                both = &mut outputs => {
                    early = Some(both);
                    of_task.ended().await
                }
                exit = of_task.ended() => exit,
            };
            stdin.end();
            let (stdout, stderr) = match early {
                Some(both) => both,
                None => tokio::select! {
                    biased;
                    both = &mut outputs => both,
                    () = sleep(BACKSTOP) => {
                        backstop.cancel();
                        outputs.await
                    }
                },
            };
            drop(held);
            ProcessResult { stdout: stdout.into_text(), stderr: stderr.into_text(), exit }
        });
        Self { control, task, over: false }
    }

    /// Waits for the end, or brings it about when the call is over.
    pub(crate) async fn finish(mut self, entry: &Entry, stop: &Cancellation) -> Result<ProcessResult, Error> {
        let (end, error) = tokio::select! {
            biased;
            () = stop.fired() => match stop.standing() {
                Standing::Retired => (End::AtOnce, Error::Stopped),
                Standing::Live | Standing::Cancelled => (End::Politely, Error::Stopped),
            },
            done = entry.race(&mut self.task) => match done {
                Ok(result) => {
                    self.over = true;
                    return result.map_err(|_| LaunchError::Failed("the process was lost".to_owned()).into());
                }
                Err(refusal) => match refusal {
                    Refusal::Cancelled => (End::Politely, refusal.into()),
                    refusal => (End::AtOnce, refusal.into()),
                },
            },
        };
        if matches!(end, End::Politely) {
            self.control.signal(Signal::Int);
            self.over = timeout(CANCEL_GRACE, &mut self.task).await.is_ok();
        }
        if !self.over {
            self.control.kill();
            self.over = timeout(REAPED_SOON, &mut self.task).await.is_ok();
        }
        Err(error)
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        if !self.over {
            self.control.kill();
        }
    }
}

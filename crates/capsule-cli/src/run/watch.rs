//! `--expect`: printing matching messages until enough have come.

use astrid_capsule::Runtime;
use astrid_event_bus::{Message, Missed, Observer};
use futures_util::future::select_all;
use tokio::time::Instant;

use super::message;
use crate::commands::run::Args;
use crate::error::CliError;
use crate::output;

/// Messages that may come while one is printed; a terminal is slow and a burst is not lost.
const BACKLOG: usize = 65_536;

pub(super) struct Watch {
    runtime: Runtime,
    observers: Vec<Observer>,
    json: bool,
    wanted: usize,
    seen: usize,
    args_timeout: std::time::Duration,
}

impl Watch {
    pub(super) fn new(runtime: &Runtime, args: &Args) -> Self {
        let observe = |pattern: &astrid_event_bus::AccessPattern| {
            runtime.bus().observe_with_capacity(pattern.clone(), BACKLOG)
        };
        Self {
            runtime: runtime.clone(),
            observers: args.expect.iter().map(observe).collect(),
            json: args.json,
            wanted: args.count.unwrap_or_else(|| args.publish.len().max(1)),
            seen: 0,
            args_timeout: args.timeout,
        }
    }

    /// Prints until enough were seen; false if the time was up first.
    pub(super) async fn until_done(&mut self) -> Result<bool, CliError> {
        let deadline = Instant::now() + self.args_timeout;
        while self.seen < self.wanted {
            let Ok(seen) = tokio::time::timeout_at(deadline, self.next()).await else {
                return Ok(false);
            };
            output::result(&message::line(&message::json(&seen, &self.runtime), self.json))?;
            self.seen += 1;
        }
        Ok(true)
    }

    pub(super) fn timed_out(&self) -> CliError {
        let (seen, wanted, seconds) = (self.seen, self.wanted, self.args_timeout.as_secs_f64());
        CliError::new(format!("--timeout: {seen} of {wanted} expected messages came within {seconds} s"))
    }

    /// The next message of any pattern. A message that two patterns match is two lines.
    async fn next(&mut self) -> Message {
        loop {
            let waits = self.observers.iter_mut().map(|observer| Box::pin(observer.recv()));
            match select_all(waits).await.0 {
                Ok(message) => return message,
                Err(Missed::Lagged(n)) => {
                    output::warning(format!("{n} messages were lost: they came too fast"))
                }
                // The runtime this session holds owns the bus, so it is there until the session ends.
                Err(Missed::Closed) => std::future::pending().await,
            }
        }
    }
}

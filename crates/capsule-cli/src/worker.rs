//! A tokio runtime for commands that wait for one thing.

use std::future::Future;

use crate::error::CliError;

/// Runs `work` to its end on this thread.
pub(crate) fn run<T>(work: impl Future<Output = Result<T, CliError>>) -> Result<T, CliError> {
    let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build();
    tokio.map_err(|error| CliError::new(format!("event loop: {error}")))?.block_on(work)
}

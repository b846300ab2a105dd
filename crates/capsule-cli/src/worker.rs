//! The tokio runtime of commands that run or watch capsules.

use std::future::Future;

use crate::error::CliError;

/// Runs `work` to its end.
pub(crate) fn run<T>(work: impl Future<Output = Result<T, CliError>>) -> Result<T, CliError> {
    let tokio = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    tokio.map_err(|error| CliError::new(format!("worker threads: {error}")))?.block_on(work)
}

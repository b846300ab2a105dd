//! Who has a home: the run that listens, or nobody, and then this process, which loads no capsule.

use astrid_capsule::Runtime;

use super::place::Place;
use crate::control::{Client, Reply, Request};
use crate::error::CliError;
use crate::records;

/// Whoever answers for the records of a home.
pub(crate) enum Keeper {
    /// A run that listens.
    Running(Box<Client>),
    /// This process.
    Here(Runtime),
}

impl Keeper {
    /// Connects, or opens the home where nobody listens.
    pub(crate) async fn of(place: &Place) -> Result<Self, CliError> {
        if let Some(client) = place.connect_if_any().await? {
            return Ok(Self::Running(Box::new(client)));
        }
        let builder = Runtime::builder().home(place.home()?);
        builder.build().await.map(Self::Here).map_err(CliError::new)
    }

    /// Asks, and takes what `expected` makes of the reply. What is refused is an error.
    pub(crate) async fn ask<T>(
        &mut self,
        request: &Request,
        expected: impl FnOnce(Reply) -> Result<T, Reply>,
    ) -> Result<T, CliError> {
        match self {
            Self::Running(client) => {
                let reply = client.ask(request).await?;
                expected(reply).map_err(|other| client.unexpected(&other))
            }
            Self::Here(runtime) => {
                expected(records::answer(runtime, request).await).map_err(|reply| match reply {
                    Reply::Refused { reason } => CliError::new(reason),
                    other => CliError::new(format!("an unexpected reply, {other:?}")),
                })
            }
        }
    }

    /// Gives the home back.
    pub(crate) async fn leave(self) {
        if let Self::Here(runtime) = self {
            runtime.shutdown().await;
        }
    }
}

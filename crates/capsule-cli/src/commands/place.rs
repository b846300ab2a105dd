//! Which running process a command means.

use std::path::PathBuf;

use astrid_capsule::Home;

use crate::control::{Client, default_path};
use crate::error::CliError;

/// The switches that find a run.
#[derive(Debug, clap::Args)]
pub(crate) struct Place {
    /// The home the run was started with [default: $ASTRID_HOME, else ~/.astrid]
    #[arg(long, value_name = "DIR")]
    home: Option<PathBuf>,
    /// The socket the run listens on [default: run/capsule.sock in the home]
    #[arg(long, value_name = "PATH", conflicts_with = "home")]
    socket: Option<PathBuf>,
}

impl Place {
    /// Connects to the run.
    pub(crate) async fn connect(&self) -> Result<Client, CliError> {
        Client::connect(&self.path()?).await
    }

    /// Connects to the run, if there is one; a socket that was named has to have one.
    pub(crate) async fn connect_if_any(&self) -> Result<Option<Client>, CliError> {
        match &self.socket {
            Some(socket) => Client::connect(socket).await.map(Some),
            None => Client::connect_if_any(&self.path()?).await,
        }
    }

    /// The home itself.
    pub(crate) fn home(&self) -> Result<PathBuf, CliError> {
        self.home.clone().map_or_else(|| Home::default_root().map_err(CliError::new), Ok)
    }

    fn path(&self) -> Result<PathBuf, CliError> {
        self.socket.clone().map_or_else(|| Ok(default_path(&self.home()?)), Ok)
    }
}

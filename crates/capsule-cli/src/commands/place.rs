//! Which running process a command means.

use std::path::{Path, PathBuf};

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
    /// Connects to the run; none where nobody listens at the home's own socket.
    pub(crate) async fn connect_if_any(&self) -> Result<Option<Client>, CliError> {
        match (&self.socket, &self.home) {
            (Some(_), _) => self.connect().await.map(Some),
            (None, Some(home)) => Client::connect_if_any(&default_path(home)).await,
            (None, None) => {
                Client::connect_if_any(&default_path(&Home::default_root().map_err(CliError::new)?)).await
            }
        }
    }

    /// The home, if it was named.
    pub(crate) fn home(&self) -> Option<&Path> {
        self.home.as_deref()
    }

    /// Connects to the run.
    pub(crate) async fn connect(&self) -> Result<Client, CliError> {
        let path = match (&self.socket, &self.home) {
            (Some(socket), _) => socket.clone(),
            (None, Some(home)) => default_path(home),
            (None, None) => default_path(&Home::default_root().map_err(CliError::new)?),
        };
        Client::connect(&path).await
    }
}

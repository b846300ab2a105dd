//! What `astrid:process` needs of this runtime: who starts processes, where they work, who hears of them, and
//! what a tool's cancellation reaches.

mod cancel;
mod ground;
mod on_bus;

use std::path::Path;
use std::sync::Arc;

use astrid_event_bus::Bus;
use astrid_host_process::{Launcher, NoLauncher, Processes};
use astrid_principals::Principals;
use astrid_process_sandbox::{BuildError, Sandbox};
use serde::Deserialize;

use self::ground::Places;
use self::on_bus::OnBus;
use crate::{CapsuleError, Config, Home};

pub(crate) use cancel::listen;

/// Looks for a sandbox, unless the embedder brings what starts processes; waits for it, some ten milliseconds.
pub(crate) fn start(
    launcher: Option<Arc<dyn Launcher>>,
    (home, workspace): (&Home, &Path),
    config: &Config,
    principals: &Arc<Principals>,
    bus: &Bus,
) -> Result<Arc<Processes>, CapsuleError> {
    let launcher = launcher.map_or_else(|| sandbox(home, config), Ok)?;
    let workspace = workspace.canonicalize().map_err(CapsuleError::host)?;
    let grounds = Places { workspace, principals: principals.clone(), network: config.process_network };
    Processes::builder(launcher, Arc::new(grounds))
        .events(Arc::new(OnBus(bus.downgrade())))
        .most_background(config.process_most_background)
        .most_stdin(config.process_max_stdin_bytes)
        .build()
        .map_err(CapsuleError::host)
}

/// A host that cannot start processes runs every capsule that does not want to.
fn sandbox(home: &Home, config: &Config) -> Result<Arc<dyn Launcher>, CapsuleError> {
    let built = Sandbox::builder(home.state().join("processes"))
        .isolation(config.process_sandbox)
        .mask(home.root())
        .build();
    match built {
        Ok(sandbox) => Ok(Arc::new(sandbox)),
        Err(error @ BuildError::NoShim) => {
            tracing::debug!(%error, "no process is started");
            Ok(Arc::new(NoLauncher::new("this program is not its own shim")))
        }
        Err(error) => Err(CapsuleError::host(error)),
    }
}

/// The call that a tool's request names, for what is started while it is served.
pub(crate) fn call_id(payload: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Called {
        call_id: Option<String>,
    }
    serde_json::from_slice::<Called>(payload).ok()?.call_id
}

//! What `astrid:process` needs of this runtime: who starts processes, where they work, who hears of them, and
//! what a tool's cancellation reaches.

mod cancel;
mod ground;
mod on_bus;
mod on_demand;

use std::path::Path;
use std::sync::Arc;

use astrid_event_bus::Bus;
use astrid_host_process::{Launcher, Processes};
use astrid_principals::Principals;
use serde::Deserialize;

use self::ground::Places;
use self::on_bus::OnBus;
use crate::{CapsuleError, Config, Home};

pub(crate) use cancel::listen;
pub(crate) use on_demand::OnDemand;

/// What may be started, and the sandbox to be looked for before, unless the embedder brings what starts processes.
pub(crate) fn start(
    launcher: Option<Arc<dyn Launcher>>,
    (home, workspace): (&Home, &Path),
    config: &Config,
    principals: &Arc<Principals>,
    bus: &Bus,
) -> Result<(Arc<Processes>, Option<Arc<OnDemand>>), CapsuleError> {
    let (launcher, on_demand) = match launcher {
        Some(launcher) => (launcher, None),
        None => {
            let on_demand = OnDemand::new(home, config);
            (on_demand.clone() as Arc<dyn Launcher>, Some(on_demand))
        }
    };
    let workspace = workspace.canonicalize().map_err(CapsuleError::host)?;
    let grounds = Places { workspace, principals: principals.clone(), network: config.process_network };
    let processes = Processes::builder(launcher, Arc::new(grounds))
        .events(Arc::new(OnBus(bus.downgrade())))
        .most_background(config.process_most_background)
        .most_stdin(config.process_max_stdin_bytes)
        .build()
        .map_err(CapsuleError::host)?;
    Ok((processes, on_demand))
}

/// The call that a tool's request names, for what is started while it is served.
pub(crate) fn call_id(payload: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Called {
        call_id: Option<String>,
    }
    serde_json::from_slice::<Called>(payload).ok()?.call_id
}

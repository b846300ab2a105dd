//! `capsule uninstall`.

use std::path::PathBuf;

use astrid_capsule::Runtime;
use astrid_host_context::Principal;

use crate::error::CliError;
use crate::{output, run, worker};

/// Removes an installed capsule with the values an operator set for it; what it stored stays
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The capsule's name
    name: String,
    /// The host's directory [default: $ASTRID_HOME, else ~/.astrid]
    #[arg(long, value_name = "DIR")]
    home: Option<PathBuf>,
    /// Whose capsule it is
    #[arg(long, value_name = "NAME", default_value = "default")]
    principal: String,
    /// Remove what it stored for the principal and the principal's secrets of it, too; also after it was removed
    #[arg(long)]
    purge: bool,
}

/// Uninstalls, on a tokio runtime of its own.
pub(crate) fn run(args: &Args) -> Result<(), CliError> {
    run::log_to_stderr();
    worker::run(async {
        let principal = Principal::parse(&args.principal)
            .map_err(|error| CliError::new(format!("--principal: {error}")))?;
        let mut builder = Runtime::builder().owner(&args.principal);
        if let Some(home) = &args.home {
            builder = builder.home(home);
        }
        let runtime = builder.build().await.map_err(CliError::new)?;
        let removed = runtime.uninstall(&args.name, &principal, args.purge).await;
        runtime.shutdown().await;
        removed.map_err(CliError::new)?;
        let (name, data) = (&args.name, if args.purge { ", with its data and secrets" } else { "" });
        output::result(&format!("{name} removed for {principal}{data}\n"))
    })
}

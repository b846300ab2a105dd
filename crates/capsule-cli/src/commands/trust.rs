//! `capsule trust`.

use std::path::PathBuf;

use astrid_capsule::{Home, Trust};

use crate::error::CliError;
use crate::output;

/// Approves a workspace's capsule as it is now; after any change to it, it must be approved again
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The capsule directory
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// The host's directory [default: $ASTRID_HOME, else ~/.astrid]
    #[arg(long, value_name = "DIR")]
    home: Option<PathBuf>,
}

/// Writes the approval.
pub(crate) fn run(args: &Args) -> Result<(), CliError> {
    let home = args.home.clone().map_or_else(Home::default_root, Ok).map_err(CliError::new)?;
    let home = Home::open(&home).map_err(CliError::new)?;
    let approved = Trust::approve(&home.trust_file(), &args.dir).map_err(CliError::new)?;
    output::result(&format!("{} is trusted as it is\n", approved.path.display()))
}

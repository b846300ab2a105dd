//! `capsule install`.

use std::path::PathBuf;

use crate::error::CliError;
use crate::{install, run, worker};

/// Installs or upgrades a capsule for a principal; `capsule run` without a DIR runs what is installed
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A capsule directory, or a .capsule archive of one
    pub(crate) source: PathBuf,
    /// The host's directory [default: $ASTRID_HOME, else ~/.astrid]
    #[arg(long, value_name = "DIR")]
    pub(crate) home: Option<PathBuf>,
    /// Whose capsule it will be
    #[arg(long, value_name = "NAME", default_value = "default")]
    pub(crate) principal: String,
    /// Allow what the capsule asks for and ask nothing; values that are not given stay without
    #[arg(long)]
    pub(crate) yes: bool,
    /// Store a value of the manifest's [env]; of an array with commas between its elements, or as a JSON list
    #[arg(long, value_name = "KEY=VALUE", value_parser = pair)]
    pub(crate) env: Vec<(String, String)>,
    /// Install a version that is installed already once more, with its install hook
    #[arg(long)]
    pub(crate) reinstall: bool,
    /// Accept a version that is lower than the installed one
    #[arg(long)]
    pub(crate) allow_downgrade: bool,
    /// Build a directory that holds a crate first
    #[arg(long)]
    pub(crate) dev: bool,
}

fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        // The text may be a secret.
        _ => Err("no key; allowed: KEY=VALUE".to_owned()),
    }
}

/// Installs, on a tokio runtime of its own.
pub(crate) fn run(args: &Args) -> Result<(), CliError> {
    run::log_without_hooks();
    worker::run(install::session(args))
}

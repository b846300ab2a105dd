//! `capsule new`.

use std::path::Path;

use astrid_capsule_manifest::CapsuleId;

use crate::error::{CliError, cause};
use crate::{output, template};

/// Makes the sources of a new capsule in a directory of that name
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The capsule's id and the directory's name: lowercase letters, digits and hyphens, at most 64
    name: String,
}

/// Makes the directory, whole or not at all.
pub(crate) fn run(args: &Args) -> Result<(), CliError> {
    let name = CapsuleId::parse(&args.name).map_err(|error| {
        CliError::new(format_args!("NAME: {}", cause(error))).allowed("a name such as my-capsule")
    })?;
    template::write(&name, Path::new(name.as_str()))?;
    output::result(&format!("{name}: made; `capsule build {name}` builds it\n"))
}

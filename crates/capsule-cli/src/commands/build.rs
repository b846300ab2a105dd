//! `capsule build`.

use std::path::PathBuf;

use crate::error::CliError;
use crate::progress::Line;
use crate::{build, component, output};

/// Builds a capsule from its sources: its component and meta.json
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The directory with Capsule.toml and Cargo.toml
    dir: PathBuf,
}

/// Builds, and warns of imports that this host does not have: another host may have them.
pub(crate) fn run(args: &Args) -> Result<(), CliError> {
    let built = build::build_dir(&args.dir, &Line::new())?;
    let component = component::examine(&built.component, &component::read(&built.component)?)?;
    for import in component.imports.iter().filter(|import| !import.offered) {
        let (problem, allowed) = import.refusal();
        output::warning(CliError::at(&built.component, problem).allowed(allowed).lines().join(" "));
    }
    let (path, size, hash) = (built.component.display(), built.size, &built.hash);
    output::result(&format!("{path}  {size} bytes  blake3 {hash}\n"))
}

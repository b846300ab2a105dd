//! `capsule check`.

use std::path::{Path, PathBuf};

use crate::component::Component;
use crate::error::CliError;
use crate::progress::{Line, Progress};
use crate::{capsule, component, manifest, output};

/// Checks capsules as their author wants them checked: every warning is an error
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Directories with a Capsule.toml
    #[arg(required = true)]
    dirs: Vec<PathBuf>,
}

/// Checks each directory whatever the others are.
pub(crate) fn run(args: &Args) -> Result<(), CliError> {
    let mut errors = Vec::new();
    for dir in &args.dirs {
        match check(dir) {
            Ok(summary) => output::result(&summary)?,
            Err(error) => errors.push(error),
        }
    }
    if errors.is_empty() { Ok(()) } else { Err(CliError::all(errors)) }
}

/// Everything that would keep the capsule in `dir` from loading, and everything odd.
fn check(dir: &Path) -> Result<String, CliError> {
    let progress = Line::new();
    progress.step("checking");
    progress.detail(&dir.display().to_string());
    let manifest = manifest::check(dir)?;

    let mut errors = capsule::missing_files(dir, &manifest);
    for component in &manifest.components {
        let path = dir.join(&component.file);
        let found = component::read(&path).and_then(|bytes| component_faults(&path, &bytes));
        match found {
            Ok((found, faults)) => {
                errors.extend(faults);
                errors.extend(capsule::hash_fault(dir, &manifest, component, &found.hash).err());
                errors.extend(capsule::handler_fault(dir, &manifest, component, &found));
            }
            Err(error) => errors.push(error),
        }
    }
    if !errors.is_empty() {
        return Err(CliError::all(errors));
    }
    let (good, package) = (output::GOOD, &manifest.package);
    Ok(format!("{}: {} {} is {good}good{good:#}\n", dir.display(), package.name, package.version))
}

/// What the component is, and what about it this host would refuse.
fn component_faults(path: &Path, bytes: &[u8]) -> Result<(Component, Vec<CliError>), CliError> {
    let found = component::examine(path, bytes)?;
    let missing = found.imports.iter().filter(|import| !import.offered).map(|import| {
        let (problem, allowed) = import.refusal();
        CliError::at(path, problem).allowed(allowed)
    });
    let mut faults: Vec<CliError> = missing.collect();
    faults.extend(component::check_types(path, bytes).err());
    Ok((found, faults))
}

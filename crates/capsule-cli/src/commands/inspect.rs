//! `capsule inspect`.

use std::path::{Path, PathBuf};

use astrid_capsule_install::Meta;

use crate::component::Component;
use crate::error::{CliError, cause};
use crate::report::{ComponentReport, Report};
use crate::{component, manifest, output};

/// Shows what a capsule is and asks for: imports, exports, size, hash, manifest
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A directory with a Capsule.toml, or a component
    path: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Shows a component alone, or a capsule with its manifest.
pub(crate) fn run(args: &Args) -> Result<(), CliError> {
    let found = std::fs::metadata(&args.path)
        .map_err(|error| CliError::at(&args.path, format_args!("cannot be read: {error}")))?;
    let report = if found.is_dir() { of_capsule(&args.path)? } else { of_file(&args.path)? };
    if !args.json {
        return output::result(&report.to_text());
    }
    let json = serde_json::to_string_pretty(&report).map_err(|error| CliError::new(cause(error)))?;
    output::result(&format!("{json}\n"))
}

fn of_file(path: &Path) -> Result<Report, CliError> {
    let component = ComponentReport::new(path, examine(path)?, None);
    Ok(Report { manifest: None, component: Some(component) })
}

fn of_capsule(dir: &Path) -> Result<Report, CliError> {
    let (manifest, warnings) = manifest::load(dir)?;
    for warning in warnings {
        output::warning(CliError::new(warning).lines().join(" "));
    }
    let component = match manifest.executable() {
        Some(program) => {
            let path = dir.join(&program.file);
            let recorded = Meta::read(dir)?.and_then(|meta| meta.wasm_hash);
            Some(ComponentReport::new(&path, examine(&path)?, program.hash.clone().or(recorded)))
        }
        None => None,
    };
    Ok(Report { manifest: Some((&manifest).into()), component })
}

fn examine(path: &Path) -> Result<Component, CliError> {
    component::examine(path, &component::read(path)?)
}

//! `cargo xtask wit new-version`: a later version of a package as a crate of its own, beside the engine.

mod face;
mod names;
mod register;
mod templates;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::Args;
use semver::Version;

use self::names::Names;
use crate::wit::catalog::{Catalog, file_name};
use crate::wit::{frozen_folder, layout, stage};
use crate::workspace::{Workspace, entries, read, write_if_changed};

#[derive(Args)]
pub(crate) struct NewVersion {
    /// A package that has a version already, such as kv
    package: String,
    /// The new one, such as 1.1.0
    version: Version,
}

/// Writes all of it, or nothing if a part cannot be made.
pub(crate) fn run(args: &NewVersion, workspace: &Workspace) -> Result<ExitCode> {
    let frozen = Catalog::load(entries(&frozen_folder(workspace))?)?;
    let wit = draft(args, &frozen)?;
    let names = Names::new(&args.package, &args.version);
    let crate_folder = workspace.root.join("crates").join(names.crate_folder());
    if crate_folder.exists() {
        bail!("{} exists already", crate_folder.display());
    }
    let engine = workspace.root.join("crates").join(names.engine_folder());
    let face = face::files(&engine, &names)?;
    let engine_lib = read(&engine.join("src/lib.rs"))?;
    let engine_manifest = read(&engine.join("Cargo.toml"))?;
    let newest = frozen.versions(&args.package);
    let closure = frozen.closure(newest.last().context("no version")?)?;
    let used: Vec<_> = closure.iter().map(|(name, _)| name.as_str()).collect();

    let mut files = register::edits(&workspace.root, &names)?;
    files.push((
        crate_folder.join("Cargo.toml"),
        templates::manifest(&names, &engine_manifest, &face, &used)?,
    ));
    files.push((crate_folder.join("src/lib.rs"), templates::lib(&names, &engine_lib)?));
    files.push((crate_folder.join("tests/abi.rs"), templates::abi(&names, &used)));
    files.extend(face.into_iter().map(|(path, text)| (crate_folder.join("src").join(path), text)));
    files.push(wit);
    for (path, text) in files {
        write_if_changed(&path, text.as_bytes())?;
        println!("wrote {}", path.display());
    }
    let frozen = Catalog::load(entries(&frozen_folder(workspace))?)?;
    let id = (args.package.clone(), args.version.clone());
    stage::write(&layout::of(&crate_folder.join("wit"), &id, &frozen)?)?;
    println!("edit {}, stage it, and freeze it when it is final", file_name(&id));
    Ok(ExitCode::SUCCESS)
}

/// The newest frozen file under the new version.
fn draft(args: &NewVersion, frozen: &Catalog) -> Result<(PathBuf, String)> {
    let Some(&newest) = frozen.versions(&args.package).last() else {
        bail!("package {}: no version is frozen; known: wit/host", args.package);
    };
    if args.version <= newest.1 {
        bail!("version {}: {} is frozen already; expected a later one", args.version, file_name(newest));
    }
    let package = frozen.get(newest)?;
    let line = |version: &Version| format!("package astrid:{}@{version};", args.package);
    if !package.text.contains(&line(&newest.1)) {
        bail!("{}: no line `{}`", package.path.display(), line(&newest.1));
    }
    let name = file_name(&(args.package.clone(), args.version.clone()));
    Ok((package.path.with_file_name(name), package.text.replace(&line(&newest.1), &line(&args.version))))
}

//! Asks cargo about the crate, and has it build the module.

use std::ffi::OsString;
use std::io::{BufReader, IsTerminal, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use cargo_metadata::{CrateType, Message, MetadataCommand, PackageId};

use crate::build::{TARGET, rustflags};
use crate::error::{CliError, cause};
use crate::output;
use crate::progress::Progress;

const CRATE_FILE: &str = "Cargo.toml";

/// The crate of a capsule.
pub(crate) struct Source {
    package: PackageId,
}

/// Finds the crate whose sources are in `dir`.
///
/// # Errors
/// There is none, cargo does not accept it, or it makes no module.
pub(crate) fn find(dir: &Path) -> Result<Source, CliError> {
    let path = dir.join(CRATE_FILE);
    if !path.is_file() {
        return Err(CliError::at(&path, "is not there")
            .allowed("the sources of a capsule, as `capsule new` makes them"));
    }
    let found = MetadataCommand::new().current_dir(dir).manifest_path(CRATE_FILE).no_deps().exec();
    let metadata = found.map_err(|error| match error {
        cargo_metadata::Error::CargoMetadata { stderr } => {
            CliError::at(&path, cause(stderr.trim_start_matches("error:")))
        }
        other => CliError::at(&path, cause(other)),
    })?;
    let here = |package: &&cargo_metadata::Package| same_file(package.manifest_path.as_std_path(), &path);
    let Some(package) = metadata.packages.iter().find(here) else {
        return Err(CliError::at(&path, "[package] is missing")
            .allowed("the crate of a capsule, not a workspace alone"));
    };
    if package.targets.iter().any(|target| target.is_cdylib()) {
        return Ok(Source { package: package.id.clone() });
    }
    Err(CliError::at(&path, "[lib.crate-type] the crate makes no WebAssembly module")
        .allowed("crate-type = [\"cdylib\"]"))
}

/// Builds the crate in the release profile and answers where the module is.
///
/// # Errors
/// Cargo cannot be run or fails; its output is then on stderr.
pub(crate) fn build(dir: &Path, source: &Source, progress: &dyn Progress) -> Result<PathBuf, CliError> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let name = cargo.to_string_lossy().into_owned();
    let mut command = Command::new(cargo);
    command.args([
        "build",
        "--lib",
        "--release",
        "--target",
        TARGET,
        "--message-format",
        "json-render-diagnostics",
    ]);
    // Its output is passed on only when it fails, and should then look as if cargo had been run by hand.
    command.args(["--color", if std::io::stderr().is_terminal() { "always" } else { "never" }]);
    command.current_dir(dir).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    rustflags::add(&mut command, dir);
    keep_target_dir(&mut command);

    let unusable = |error: std::io::Error| {
        CliError::new(format_args!("{name}: cannot be run: {error}"))
            .allowed("cargo on PATH, see https://rustup.rs")
    };
    let mut child = command.spawn().map_err(unusable)?;
    let (module, words) = std::thread::scope(|scope| {
        let mut stderr = child.stderr.take();
        // Both pipes have to be emptied at once, or cargo waits for the one that is full.
        let words = scope.spawn(move || {
            let mut text = Vec::new();
            // What could not be read is only missing from a message.
            let _ = stderr.as_mut().map(|pipe| pipe.read_to_end(&mut text));
            text
        });
        let module = watch(&mut child, source, progress);
        (module, words.join().unwrap_or_default())
    });
    let status = child.wait().map_err(unusable)?;
    let path = dir.join(CRATE_FILE);
    if !status.success() {
        progress.done();
        output::pass_on(&String::from_utf8_lossy(&words));
        return Err(CliError::at(
            &path,
            format_args!("cargo build failed with {status}; its own words are above"),
        ));
    }
    module.ok_or_else(|| CliError::at(&path, format_args!("cargo reports no module for {TARGET}")))
}

/// Cargo is run in the capsule's directory, for its configuration; whoever set a relative target directory meant one
/// relative to where they are.
fn keep_target_dir(command: &mut Command) {
    for name in ["CARGO_TARGET_DIR", "CARGO_BUILD_TARGET_DIR"] {
        let set = std::env::var_os(name).filter(|dir| !dir.is_empty());
        if let Some(dir) = set.and_then(|dir| std::path::absolute(dir).ok()) {
            command.env(name, dir);
        }
    }
}

/// Follows what cargo reports until it ends, and answers the module it names.
fn watch(child: &mut Child, source: &Source, progress: &dyn Progress) -> Option<PathBuf> {
    let mut module = None;
    let messages = Message::parse_stream(BufReader::new(child.stdout.take()?));
    // What does not parse is the output of some build script.
    for message in messages.map_while(Result::ok) {
        let Message::CompilerArtifact(artifact) = message else { continue };
        progress.detail(&artifact.target.name);
        if artifact.package_id == source.package && artifact.target.crate_types.contains(&CrateType::CDyLib) {
            let wasm = artifact.filenames.into_iter().find(|file| file.extension() == Some("wasm"));
            module = wasm.map(|file| file.into_std_path_buf()).or(module);
        }
    }
    module
}

fn same_file(one: &Path, other: &Path) -> bool {
    let resolved = |path: &Path| path.canonicalize().ok();
    resolved(one).is_some() && resolved(one) == resolved(other)
}

//! `cargo xtask guests`: the programs of `tests/guests` as components in `<target>/guests`.

use std::fs;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use cargo_metadata::{CrateType, Message};
use wit_component::ComponentEncoder;

use crate::process;
use crate::workspace::{Workspace, metadata, write_if_changed};

const TARGET: &str = "wasm32-unknown-unknown";

/// Builds them all and names the folder they are in.
pub(crate) fn build(workspace: &Workspace) -> Result<PathBuf> {
    need_target(&workspace.root)?;
    let source = workspace.root.join("tests/guests");
    let built_in = workspace.target().join("guests-build");
    let folder = workspace.target().join("guests");
    for (name, module) in modules(&source, &built_in)? {
        let bytes = fs::read(&module).with_context(|| module.display().to_string())?;
        let component = encode(&bytes).with_context(|| format!("guest {name}"))?;
        let path = folder.join(format!("{name}.wasm"));
        if write_if_changed(&path, &component)? {
            println!("guest {name}: {} bytes", component.len());
        }
    }
    Ok(folder)
}

/// The core modules that cargo builds, by package name.
fn modules(source: &Path, built_in: &Path) -> Result<Vec<(String, PathBuf)>> {
    let packages = metadata(&source.join("Cargo.toml"), &["--locked"])?;
    let mut cargo = process::cargo();
    // From that folder, so that its own `.cargo/config.toml` counts.
    cargo.current_dir(source).args(["build", "--workspace", "--release", "--locked", "--target", TARGET]);
    cargo.env_remove("RUSTFLAGS").env_remove("CARGO_ENCODED_RUSTFLAGS"); // they would replace that file's
    cargo.args(["--message-format", "json-render-diagnostics"]).arg("--target-dir").arg(built_in);
    let mut child = cargo.stdout(Stdio::piped()).spawn().context("cannot start cargo")?;
    let output = child.stdout.take().context("cargo has no output")?;
    let mut found = Vec::new();
    for message in Message::parse_stream(BufReader::new(output)) {
        let Message::CompilerArtifact(artifact) = message.context("output of cargo")? else { continue };
        if !artifact.target.crate_types.contains(&CrateType::CDyLib) {
            continue;
        }
        let Some(package) = packages.packages.iter().find(|p| p.id == artifact.package_id) else { continue };
        let wasm = artifact.filenames.iter().filter(|file| file.extension() == Some("wasm"));
        found.extend(wasm.map(|file| (package.name.to_string(), file.clone().into())));
    }
    if !child.wait().context("cargo")?.success() {
        bail!("the guests in {} do not build", source.display());
    }
    Ok(found)
}

fn encode(module: &[u8]) -> Result<Vec<u8>> {
    ComponentEncoder::default().module(module)?.validate(true).encode()
}

/// Guests need a standard library for WebAssembly, which a fresh toolchain lacks.
fn need_target(root: &Path) -> Result<()> {
    let listed = Command::new("rustup").current_dir(root).args(["target", "list", "--installed"]).output();
    let Ok(listed) = listed else { return Ok(()) }; // no rustup: the distribution's cargo will tell
    if String::from_utf8_lossy(&listed.stdout).lines().any(|line| line == TARGET) {
        return Ok(());
    }
    let mut add = Command::new("rustup");
    let added = process::status(add.current_dir(root).args(["target", "add", TARGET]));
    if !added.is_ok_and(|status| status.success()) {
        bail!(
            "target {TARGET} is not installed and cannot be fetched; run `rustup target add {TARGET}` when online"
        );
    }
    Ok(())
}

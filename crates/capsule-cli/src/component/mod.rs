//! What a `.wasm` file is and asks for, without running it.

mod compile;
mod export;
mod import;
mod offered;

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;

use astrid_guest::Exports;
use wasmparser::{ComponentExternalKind, ComponentTypeRef, Encoding, Parser, Payload, TypeBounds, Validator};

pub(crate) use compile::check_types;
pub(crate) use export::State;
pub(crate) use import::Import;

use crate::error::{CliError, cause};

/// Largest component that a runtime reads (64 MiB).
const MAX_BYTES: usize = 64 * 1024 * 1024;
const MAGIC: &[u8] = b"\0asm";
const ACCEPTED: &str = "a WebAssembly component, as `capsule build` makes it";

/// What can be said of a component by reading it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Component {
    /// Size in bytes.
    pub(crate) size: usize,
    /// BLAKE3, 64 lowercase hex digits.
    pub(crate) hash: String,
    /// What it needs from the host, in the order of the file.
    pub(crate) imports: Vec<Import>,
    /// The four exports of a guest.
    pub(crate) exports: [(&'static str, State); 4],
}

/// Reads the file at `path`.
///
/// # Errors
/// It cannot be read, is larger than 64 MiB, or is not a regular file.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, CliError> {
    let unreadable = |error: std::io::Error| match error.kind() {
        ErrorKind::NotFound => {
            CliError::at(path, "is not there").allowed("a component; `capsule build` makes it")
        }
        _ => CliError::at(path, format_args!("cannot be read: {error}")),
    };
    let found = std::fs::metadata(path).map_err(unreadable)?;
    if !found.is_file() {
        return Err(CliError::at(path, "is not a regular file").allowed(ACCEPTED));
    }
    within_limit(path, usize::try_from(found.len()).unwrap_or(usize::MAX))?;
    let mut bytes = Vec::new();
    // A file can grow between the two looks at it.
    let limit = u64::try_from(MAX_BYTES).unwrap_or(u64::MAX).saturating_add(1);
    File::open(path).and_then(|file| file.take(limit).read_to_end(&mut bytes)).map_err(unreadable)?;
    within_limit(path, bytes.len())?;
    Ok(bytes)
}

/// Refuses what no runtime would read.
///
/// # Errors
/// More than 64 MiB.
pub(crate) fn within_limit(path: &Path, size: usize) -> Result<(), CliError> {
    if size <= MAX_BYTES {
        return Ok(());
    }
    Err(CliError::at(path, format_args!("has {size} bytes"))
        .allowed(format_args!("at most {MAX_BYTES} bytes (64 MiB)")))
}

/// Says what the bytes of the file at `path` are.
///
/// # Errors
/// They are no component, or a damaged one.
pub(crate) fn examine(path: &Path, bytes: &[u8]) -> Result<Component, CliError> {
    check_kind(path, bytes)?;
    let damaged = |error: wasmparser::BinaryReaderError| {
        CliError::at(path, format_args!("is a damaged component: {}", cause(error))).allowed(ACCEPTED)
    };
    Validator::new().validate_all(bytes).map_err(damaged)?;
    let (imports, functions) = names(bytes).map_err(damaged)?;
    let real = Exports::inspect(bytes).map_err(|error| CliError::at(path, cause(error)).allowed(ACCEPTED))?;
    Ok(Component {
        size: bytes.len(),
        hash: blake3::hash(bytes).to_hex().to_string(),
        imports: imports.iter().map(|name| Import::of(name)).collect(),
        exports: export::states(real, &functions),
    })
}

/// Tells a component from the two things that are taken for one.
fn check_kind(path: &Path, bytes: &[u8]) -> Result<(), CliError> {
    if !bytes.starts_with(MAGIC) {
        return Err(CliError::at(path, "is not a WebAssembly binary").allowed(ACCEPTED));
    }
    match Parser::new(0).parse_all(bytes).next() {
        Some(Ok(Payload::Version { encoding: Encoding::Module, .. })) => {
            Err(CliError::at(path, "is a core module; only components run here").allowed(ACCEPTED))
        }
        _ => Ok(()),
    }
}

/// The names of the outermost imports that a host has to supply, and of the exported functions.
fn names(bytes: &[u8]) -> wasmparser::Result<(Vec<String>, Vec<String>)> {
    let (mut imports, mut functions) = (Vec::new(), Vec::new());
    let mut depth = 0_usize;
    for payload in Parser::new(0).parse_all(bytes) {
        match payload? {
            Payload::Version { .. } => depth = depth.saturating_add(1),
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ComponentImportSection(section) if depth == 1 => {
                for import in section {
                    let import = import?;
                    // A type that equals another one is a name for it and nothing to supply.
                    if !matches!(import.ty, ComponentTypeRef::Type(TypeBounds::Eq(_))) {
                        imports.push(import.name.name.to_owned());
                    }
                }
            }
            Payload::ComponentExportSection(section) if depth == 1 => {
                for export in section {
                    let export = export?;
                    if export.kind == ComponentExternalKind::Func {
                        functions.push(export.name.name.to_owned());
                    }
                }
            }
            _ => {}
        }
    }
    Ok((imports, functions))
}

//! Whether the files of a capsule directory fit its manifest.

use std::path::Path;

use astrid_capsule_install::{META_FILE, Meta};
use astrid_capsule_manifest::{CapsuleManifest, ComponentDef, ComponentKind, MANIFEST_FILE};

use crate::component::{Component, State};
use crate::error::CliError;

/// One error for each file that the manifest names, components apart, and that is not there.
pub(crate) fn missing_files(dir: &Path, manifest: &CapsuleManifest) -> Vec<CliError> {
    let contexts = manifest.context_files.iter().map(|one| Some(&one.file));
    let skills = manifest.skills.iter().map(|one| Some(&one.file));
    let commands = manifest.commands.iter().map(|one| one.file.as_ref());
    let keys = ["context_file", "skill", "command"];
    let lists: [Vec<_>; 3] = [contexts.collect(), skills.collect(), commands.collect()];
    let mut errors = Vec::new();
    for (key, files) in keys.into_iter().zip(lists) {
        for (index, file) in files.into_iter().enumerate() {
            // A skill may be a directory that holds its text.
            let there = |file: &Path| {
                dir.join(file).is_file() || (key == "skill" && dir.join(file).join("SKILL.md").is_file())
            };
            if let Some(file) = file.filter(|file| !there(file)) {
                let problem = format!("[{key}[{index}].file] {} is not there", file.display());
                errors.push(CliError::at(&dir.join(MANIFEST_FILE), problem).allowed("a file of the capsule"));
            }
        }
    }
    errors
}

/// Compares the hash of a component with what is recorded,.
///
/// # Errors
/// A record says otherwise, cannot be read, or there is none: a runtime loads no such component.
pub(crate) fn hash_fault(
    dir: &Path,
    manifest: &CapsuleManifest,
    component: &ComponentDef,
    hash: &str,
) -> Result<(), CliError> {
    let path = dir.join(&component.file);
    let differs = |place: &str, expected: &str| {
        let problem = format!("has BLAKE3 {hash}, but {place} says {expected}");
        CliError::at(&path, problem).allowed("the file that was recorded; `capsule build` records a new one")
    };
    if let Some(pinned) = component.hash.as_deref().filter(|pinned| *pinned != hash) {
        return Err(differs(&format!("[component.hash] of {MANIFEST_FILE}"), pinned));
    }
    // The record is of the capsule's program; a library is only ever pinned.
    let record = if is_program(manifest, component) { Meta::read(dir)? } else { None };
    match record.and_then(|meta| meta.wasm_hash) {
        Some(recorded) if recorded != hash => Err(differs(META_FILE, &recorded)),
        None if component.hash.is_none() => Err(CliError::at(&path, "has no recorded BLAKE3 hash").allowed(
            format_args!("{META_FILE} as `capsule build` writes it, or [component.hash] in {MANIFEST_FILE}"),
        )),
        _ => Ok(()),
    }
}

/// An error when events are bound to a program that has no handler for them.
pub(crate) fn handler_fault(
    dir: &Path,
    manifest: &CapsuleManifest,
    component: &ComponentDef,
    found: &Component,
) -> Option<CliError> {
    let handles =
        found.exports.iter().any(|(name, state)| *name == astrid_guest::HOOK && *state == State::Real);
    let binding = manifest.bindings.first().filter(|_| is_program(manifest, component) && !handles)?;
    let (pattern, path) = (binding.pattern.as_str(), dir.join(&component.file));
    let problem =
        format!("has no export {}, but {MANIFEST_FILE} binds a handler to {pattern}", astrid_guest::HOOK);
    Some(CliError::at(&path, problem).allowed("a component with that export, or no handlers"))
}

fn is_program(manifest: &CapsuleManifest, component: &ComponentDef) -> bool {
    component.kind == ComponentKind::Executable && manifest.executable() == Some(component)
}

//! A capsule directory, read and verified.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use astrid_capsule_discovery::Fingerprint;
use astrid_capsule_install::Meta;
use astrid_capsule_manifest::CapsuleManifest;
use serde_json::Value;

use super::integrity::{self, Unrecorded};
use super::locate;
use crate::{CapsuleError, Code, Home};

/// What a capsule directory holds.
pub(crate) struct Source {
    pub(crate) dir: PathBuf,
    pub(crate) manifest: CapsuleManifest,
    /// The program, if the capsule has one: its bytes are the ones that were hashed.
    pub(crate) program: Option<Program>,
    /// What `meta.json` says, for those who ask what is installed.
    pub(crate) meta: Value,
    /// What was approved, for a capsule that came with a workspace.
    pub(crate) approved: Option<Fingerprint>,
}

/// The bytes of an executable component.
pub(crate) struct Program {
    pub(crate) bytes: Arc<[u8]>,
    pub(crate) hash: blake3::Hash,
}

impl Source {
    /// Reads manifest and component. Blocks on the disk: call it off the runtime's workers.
    pub(crate) fn open(dir: &Path, home: &Home, unrecorded: Unrecorded) -> Result<Self, CapsuleError> {
        let path = dir.join("Capsule.toml");
        let (manifest, warnings) = astrid_capsule_manifest::load_manifest(&path)
            .map_err(|error| CapsuleError::new(Code::Manifest, error))?;
        for warning in warnings {
            tracing::warn!(capsule = %manifest.package.name, "{warning}");
        }
        Self::with_manifest(dir, manifest, None, home, unrecorded)
    }

    /// Reads the component of a capsule whose manifest was read before, and maybe approved with it.
    pub(crate) fn with_manifest(
        dir: &Path,
        manifest: CapsuleManifest,
        approved: Option<Fingerprint>,
        home: &Home,
        unrecorded: Unrecorded,
    ) -> Result<Self, CapsuleError> {
        let id = manifest.package.name.clone();
        let program = program(dir, &manifest, home, unrecorded).map_err(|error| error.in_capsule(&id))?;
        if let (Some(approved), Some(program)) = (&approved, &program) {
            let actual = program.hash.to_hex();
            if !approved.wasm_hashes.iter().any(|hash| hash == actual.as_str()) {
                let problem =
                    "the component changed since it was approved; approve it again with `capsule trust`";
                return Err(CapsuleError::of(&id, Code::Integrity, problem));
            }
        }
        let meta = Meta::read_object(dir).unwrap_or_default().into();
        Ok(Self { dir: dir.to_owned(), manifest, program, meta, approved })
    }
}

fn program(
    dir: &Path,
    manifest: &CapsuleManifest,
    home: &Home,
    unrecorded: Unrecorded,
) -> Result<Option<Program>, CapsuleError> {
    let Some(component) = manifest.executable() else { return Ok(None) };
    let meta = locate::read_meta(dir)?;
    let (file, bytes) = locate::read_component(dir, &component.file, &meta, home)?;
    let hash = integrity::verify(&file, &bytes, component.hash.as_deref(), &meta, unrecorded)?;
    Ok(Some(Program { bytes: bytes.into(), hash }))
}

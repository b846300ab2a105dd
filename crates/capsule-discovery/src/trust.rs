//! Which capsules of workspaces an operator approved.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use astrid_capsule_manifest::ManifestError;
use serde::{Deserialize, Serialize};

use crate::Fingerprint;
use crate::file::read_bounded;

/// A file of approvals is small; a larger one is none.
const MAX_FILE_BYTES: u64 = 4 << 20;

/// Why approvals could not be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrustError {
    /// The manifest of the capsule to approve was refused.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// A file or directory cannot be read or written, or does not hold what it should.
    #[error("{0}")]
    File(String),
}

impl TrustError {
    pub(crate) fn io(path: &Path, error: &io::Error) -> Self {
        Self::File(format!("{}: {error}", path.display()))
    }
}

/// The approvals: each of one directory, with the manifest and code it had then.
#[derive(Debug, Clone, Default)]
pub struct Trust {
    approved: Vec<Fingerprint>,
}

#[derive(Serialize, Deserialize)]
struct File {
    trusted: Vec<Fingerprint>,
}

impl Trust {
    /// Nothing is approved.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// The approvals written in `file`; none if there is no such file. Blocks on the disk.
    ///
    /// # Errors
    /// The file cannot be read or is not one of ours. Whoever goes on without it uses [`Trust::none`].
    pub fn load(file: &Path) -> Result<Self, TrustError> {
        match read_bounded(file, MAX_FILE_BYTES) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::none()),
            Err(error) => Err(TrustError::io(file, &error)),
            Ok(bytes) => match serde_json::from_slice(&bytes) {
                Ok(File { trusted }) => Ok(Self { approved: trusted }),
                Err(error) => Err(TrustError::File(format!(
                    "{}: {error}; allowed: what `capsule trust` writes",
                    file.display()
                ))),
            },
        }
    }

    /// True if the capsule was approved exactly as it is.
    #[must_use]
    pub fn covers(&self, capsule: &Fingerprint) -> bool {
        self.approved.contains(capsule)
    }

    /// Approves the capsule in `dir` as it is now and writes that to `file`, replacing an earlier
    /// approval of the same directory. Blocks on the disk.
    ///
    /// # Errors
    /// The capsule cannot be read, or the file cannot be read or replaced. Nothing is changed then.
    pub fn approve(file: &Path, dir: &Path) -> Result<Fingerprint, TrustError> {
        let capsule = Fingerprint::read(dir)?;
        let Self { mut approved } = Self::load(file)?;
        approved.retain(|other| other.path != capsule.path);
        approved.push(capsule.clone());
        let json = serde_json::to_vec_pretty(&File { trusted: approved })
            .map_err(|error| TrustError::File(format!("{}: {error}", file.display())))?;
        write(file, &json).map_err(|error| TrustError::io(file, &error))?;
        Ok(capsule)
    }
}

/// A temporary file is private to its owner from the start, and the rename shows it whole or not at all.
fn write(file: &Path, bytes: &[u8]) -> io::Result<()> {
    let dir: PathBuf = file.parent().map_or_else(|| ".".into(), Path::to_owned);
    std::fs::create_dir_all(&dir)?;
    let mut temporary = tempfile::NamedTempFile::new_in(&dir)?;
    temporary.write_all(bytes)?;
    temporary.as_file().sync_all()?;
    temporary.persist(file).map_err(|error| error.error)?;
    Ok(())
}

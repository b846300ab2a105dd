//! Files that are there whole or not at all.

use std::io::Write;
use std::path::Path;

use tempfile::{Builder, NamedTempFile};

use crate::error::CliError;

/// A file that is written but not yet in its place. Dropping it leaves nothing.
pub(crate) struct Staged<'p> {
    file: NamedTempFile,
    target: &'p Path,
}

/// Writes `bytes` into a temporary file beside `target`, making its directory if there is none.
///
/// # Errors
/// The directory or the file cannot be written.
pub(crate) fn stage<'p>(target: &'p Path, bytes: &[u8]) -> Result<Staged<'p>, CliError> {
    let unwritable = |error: std::io::Error| CliError::at(target, format_args!("cannot be written: {error}"));
    let dir = target.parent().unwrap_or(Path::new(""));
    let dir = if dir.as_os_str().is_empty() { Path::new(".") } else { dir };
    std::fs::create_dir_all(dir).map_err(unwritable)?;
    let mut builder = Builder::new();
    builder.prefix(".capsule-");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // What a plain create would give: the umask takes its part.
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    let mut file = builder.tempfile_in(dir).map_err(unwritable)?;
    file.write_all(bytes).map_err(unwritable)?;
    file.as_file().sync_all().map_err(unwritable)?;
    Ok(Staged { file, target })
}

impl Staged<'_> {
    /// Puts the file into its place, over whatever file was there.
    ///
    /// # Errors
    /// The place is a directory, or may not be written.
    pub(crate) fn commit(self) -> Result<(), CliError> {
        let target = self.target;
        let replaced = self.file.persist(target);
        replaced
            .map(drop)
            .map_err(|error| CliError::at(target, format_args!("cannot be replaced: {}", error.error)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_staged_file_that_is_dropped_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        drop(stage(&dir.path().join("a"), b"1").unwrap());
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_committed_file_replaces_and_leaves_no_other() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("made/a");
        stage(&target, b"1").unwrap().commit().unwrap();
        stage(&target, b"22").unwrap().commit().unwrap();
        assert_eq!(std::fs::read(&target).unwrap(), b"22");
        assert_eq!(std::fs::read_dir(dir.path().join("made")).unwrap().count(), 1);
    }
}

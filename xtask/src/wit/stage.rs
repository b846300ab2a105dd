//! `cargo xtask wit stage`.

use std::fs;
use std::process::ExitCode;

use anyhow::{Context, Result};

use crate::wit::catalog::Catalog;
use crate::wit::frozen_folder;
use crate::wit::layout::{Staged, all};
use crate::workspace::{Workspace, entries, files_below, write_if_changed};

/// Makes every crate's copies what they must be.
pub(crate) fn run(workspace: &Workspace) -> Result<ExitCode> {
    let frozen = Catalog::load(entries(&frozen_folder(workspace))?)?;
    for staged in all(workspace, &frozen)? {
        write(&staged)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Writes what differs and removes what does not belong.
pub(crate) fn write(staged: &Staged) -> Result<()> {
    for (path, text) in &staged.files {
        if write_if_changed(path, text.as_bytes())? {
            println!("staged {}", path.display());
        }
    }
    for path in files_below(&staged.folder)? {
        if !staged.files.contains_key(&path) {
            fs::remove_file(&path).with_context(|| path.display().to_string())?;
            println!("removed {}", path.display());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn staging_writes_the_files_and_removes_any_other() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("wit");
        fs::create_dir_all(folder.join("deps")).unwrap();
        fs::write(folder.join("deps/old@1.0.0.wit"), "x").unwrap();
        let kv = folder.join("kv@1.0.0.wit");
        let files = BTreeMap::from([(kv.clone(), "package".to_owned())]);
        write(&Staged { folder: folder.clone(), files }).unwrap();
        assert_eq!(files_below(&folder).unwrap(), std::slice::from_ref(&kv));
        assert_eq!(fs::read_to_string(kv).unwrap(), "package");
    }
}

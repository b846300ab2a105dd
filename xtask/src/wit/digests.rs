//! `wit/frozen.toml`: the BLAKE3 digest of every frozen file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::workspace::{Workspace, read};

/// Digests in hexadecimal, by file name.
pub(crate) type Digests = BTreeMap<String, String>;

/// Where they are.
pub(crate) fn path(workspace: &Workspace) -> PathBuf {
    workspace.root.join("wit/frozen.toml")
}

/// Reads them; none if there is no file yet.
pub(crate) fn load(path: &Path) -> Result<Digests> {
    if !path.exists() {
        return Ok(Digests::new());
    }
    toml::from_str(&read(path)?).with_context(|| path.display().to_string())
}

/// The digest of a text.
pub(crate) fn of(text: &str) -> String {
    blake3::hash(text.as_bytes()).to_hex().to_string()
}

/// What is wrong between the digests and the texts of the files: sentences that name the file.
pub(crate) fn problems(digests: &Digests, texts: &BTreeMap<String, String>) -> Vec<String> {
    let mut problems = Vec::new();
    for (file, text) in texts {
        let found = of(text);
        match digests.get(file) {
            None => problems.push(format!(
                "wit/host/{file}: not in wit/frozen.toml; once it is final, run `cargo xtask wit freeze`"
            )),
            Some(recorded) if *recorded != found => problems.push(format!(
                "wit/host/{file}: a frozen file changed: digest {found}, recorded {recorded}; \
                 restore it, and make changes in a new version"
            )),
            Some(_) => {}
        }
    }
    let gone = digests.keys().filter(|file| !texts.contains_key(*file));
    problems
        .extend(gone.map(|file| format!("wit/host/{file}: in wit/frozen.toml, but there is no such file")));
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
    }

    #[test]
    fn files_as_recorded_pass() {
        let texts = map(&[("a.wit", "text")]);
        assert_eq!(problems(&map(&[("a.wit", &of("text"))]), &texts), [""; 0]);
    }

    #[test]
    fn a_changed_an_unrecorded_and_a_missing_file_are_named() {
        let texts = map(&[("a.wit", "changed"), ("b.wit", "new")]);
        let found = problems(&map(&[("a.wit", &of("text")), ("c.wit", "0")]), &texts);
        assert_eq!(found.len(), 3);
        assert!(found[0].starts_with("wit/host/a.wit: a frozen file changed"));
        assert!(found[1].starts_with("wit/host/b.wit: not in"));
        assert!(found[2].starts_with("wit/host/c.wit: in wit/frozen.toml, but"));
    }
}

//! `cargo xtask wit check`.

use std::fs;
use std::process::ExitCode;

use anyhow::{Result, bail};

use crate::wit::catalog::{Catalog, file_name};
use crate::wit::layout::{Staged, all};
use crate::wit::{digests, frozen_folder, published};
use crate::workspace::{Workspace, entries, files_below};

/// Fails with every problem there is.
pub(crate) fn run(workspace: &Workspace) -> Result<ExitCode> {
    let problems = problems(workspace)?;
    for problem in &problems {
        eprintln!("{problem}");
    }
    match problems.len() {
        0 => Ok(ExitCode::SUCCESS),
        count => bail!("the contract has {count} problem(s)"),
    }
}

fn problems(workspace: &Workspace) -> Result<Vec<String>> {
    let frozen = Catalog::load(entries(&frozen_folder(workspace))?)?;
    let texts = frozen.ids().map(|id| Ok((file_name(id), frozen.get(id)?.text.clone())));
    let texts = texts.collect::<Result<_>>()?;
    let mut problems = digests::problems(&digests::load(&digests::path(workspace))?, &texts);
    for staged in all(workspace, &frozen)? {
        problems.extend(copies(&staged)?);
    }
    problems.extend(published::problems(&frozen, &published::load(workspace)?)?);
    let root = format!("{}/", workspace.root.display());
    Ok(problems.into_iter().map(|problem| problem.replace(&root, "")).collect())
}

fn copies(staged: &Staged) -> Result<Vec<String>> {
    const ADVICE: &str = "run `cargo xtask wit stage`";
    let mut problems = Vec::new();
    for (path, text) in &staged.files {
        match fs::read(path) {
            Err(_) => problems.push(format!("{}: missing; {ADVICE}", path.display())),
            Ok(found) if found != text.as_bytes() => {
                problems.push(format!("{}: differs from the frozen file; {ADVICE}", path.display()));
            }
            Ok(_) => {}
        }
    }
    for path in files_below(&staged.folder)? {
        if !staged.files.contains_key(&path) {
            problems.push(format!("{}: stray, the package does not use it; {ADVICE}", path.display()));
        }
    }
    Ok(problems)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn the_contract_of_this_repository_holds() {
        let found = problems(&Workspace::find().unwrap()).unwrap();
        assert!(found.is_empty(), "{found:#?}");
    }

    #[test]
    fn a_missing_a_different_and_a_stray_copy_are_named() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().to_owned();
        let [missing, other, stray] = ["a.wit", "b.wit", "c.wit"].map(|name| folder.join(name));
        fs::write(&other, "b changed").unwrap();
        fs::write(&stray, "c").unwrap();
        let files = BTreeMap::from([(missing, "a".to_owned()), (other, "b".to_owned())]);
        let found = copies(&Staged { folder, files }).unwrap();
        assert_eq!(found.len(), 3);
        assert!(found[0].contains("a.wit: missing"));
        assert!(found[1].contains("b.wit: differs"));
        assert!(found[2].contains("c.wit: stray"));
    }
}

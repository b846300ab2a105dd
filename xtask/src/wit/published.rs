//! The contract as guests are built against it: the WIT inside the published crate `astrid-sys`.

use anyhow::{Context, Result};

use crate::wit::catalog::{Catalog, file_name};
use crate::workspace::{Workspace, files_below, metadata};

const CRATE: &str = "astrid-sys";
const VERSION: &str = "0.7.2";

/// Reads it from the sources that cargo fetched for the guests of this repository.
pub(crate) fn load(workspace: &Workspace) -> Result<Catalog> {
    let guests = metadata(&workspace.root.join("tests/guests/Cargo.toml"), &["--locked"])?;
    let package = guests.packages.iter().find(|p| p.name == CRATE && p.version.to_string() == VERSION);
    let package = package.with_context(|| format!("tests/guests does not use {CRATE} {VERSION}"))?;
    let folder = package.manifest_path.with_file_name("wit-staging").join("deps");
    Catalog::load(files_below(folder.as_std_path())?)
}

/// Where the frozen packages mean something else than the published ones.
pub(crate) fn problems(frozen: &Catalog, published: &Catalog) -> Result<Vec<String>> {
    let mut problems = Vec::new();
    for id in published.ids() {
        let file = file_name(id);
        if frozen.get(id).is_err() {
            problems.push(format!("wit/host/{file}: missing, {CRATE} {VERSION} has it"));
            continue;
        }
        let difference = difference(&frozen.shape(id)?, &published.shape(id)?);
        problems.extend(difference.map(|text| format!("wit/host/{file}: not what guests know: {text}")));
    }
    Ok(problems)
}

/// The first line that differs.
fn difference(ours: &str, theirs: &str) -> Option<String> {
    let (mut ours, mut theirs) = (ours.lines(), theirs.lines());
    let mut parents = Vec::new();
    loop {
        match (ours.next(), theirs.next()) {
            (None, None) => return None,
            (Some(a), Some(b)) if a == b => match a.trim() {
                line if line.ends_with('{') => parents.push(line.trim_end_matches([' ', '{']).to_owned()),
                "}" => drop(parents.pop()),
                _ => {}
            },
            (a, b) => {
                let shown = |line: Option<&str>| line.map_or("nothing", str::trim).to_owned();
                let (place, a, b) = (parents.join(", "), shown(a), shown(b));
                return Some(format!("in {place}: `{a}`, {CRATE} {VERSION} has `{b}`"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const BASE: &str = "package astrid:kv@1.0.0;\ninterface host {\n  /// doc\n  enum e { a, b }\n  \
        record r { x: u32, y: string }\n  get: func(k: string) -> result<r, e>;\n  set: func();\n}\n";

    fn compared(ours: &str, theirs: &str) -> Vec<String> {
        let catalog = |text: &str| {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("kv@1.0.0.wit");
            fs::write(&path, text).unwrap();
            Catalog::load([path]).unwrap()
        };
        problems(&catalog(ours), &catalog(theirs)).unwrap()
    }

    #[test]
    fn docs_and_layout_may_differ() {
        let other = BASE.replace("/// doc", "// other\n").replace("{ a, b }", "{\n a,\n b,\n }");
        assert_eq!(compared(&other, BASE), [""; 0]);
    }

    #[test]
    fn names_order_and_types_may_not_and_the_difference_is_named() {
        for (from, to) in [
            ("{ a, b }", "{ b, a }"),
            ("{ a, b }", "{ a, b, c }"),
            ("x: u32", "x: s32"),
            ("x: u32, y: string", "y: string, x: u32"),
            ("k: string", "key: string"),
            ("result<r, e>", "result<r>"),
            ("  set: func();\n", ""),
        ] {
            let found = compared(&BASE.replace(from, to), BASE);
            assert_eq!(found.len(), 1, "{from} as {to}");
            assert!(found[0].starts_with("wit/host/kv@1.0.0.wit: not what guests know: in interface host"));
        }
    }

    #[test]
    fn the_difference_says_what_each_side_has() {
        let found = compared(&BASE.replace("x: u32", "x: s32"), BASE);
        assert!(
            found[0].ends_with("in interface host, record r: `x: s32,`, astrid-sys 0.7.2 has `x: u32,`"),
            "{found:?}"
        );
    }
}

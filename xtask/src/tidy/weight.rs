//! How much whoever links one package takes in.

use std::collections::BTreeSet;
use std::path::Path;

use crate::process;

/// The package that stands for all: design.md promises builders of kernels a small tree.
const PACKAGE: &str = "astrid-host-kv";
/// Crates of its tree on the machine that checks, itself and procedural macros included. 72 of them are
/// wasmtime's; what is ours is in `host-kv` and `host-context`. Fewer is better, more is a decision.
const MOST: usize = 80;

/// A breach if the tree grew.
pub(crate) fn breaches(root: &Path) -> Vec<String> {
    let mut cargo = process::cargo();
    cargo.current_dir(root).args(["tree", "--locked", "--package", PACKAGE, "--edges", "normal"]);
    cargo.args(["--prefix", "none", "--no-dedupe", "--format", "{p}"]);
    // Whatever else is built beside it must not count.
    cargo.env_remove("CARGO_RESOLVER_FEATURE_UNIFICATION");
    let output = match cargo.output() {
        Ok(output) if output.status.success() => output.stdout,
        Ok(output) => return vec![format!("cargo tree: {}", String::from_utf8_lossy(&output.stderr).trim())],
        Err(error) => return vec![format!("cargo tree: {error}")],
    };
    judge(&String::from_utf8_lossy(&output)).into_iter().collect()
}

fn judge(tree: &str) -> Option<String> {
    let crates: BTreeSet<_> = tree.lines().filter_map(named).collect();
    let over = || format!("{PACKAGE} brings {} crates; allowed: {MOST}. All: {crates:?}", crates.len());
    (crates.len() > MOST).then(over)
}

/// Name and version, without where it lies.
fn named(line: &str) -> Option<String> {
    let mut words = line.split_whitespace();
    Some(format!("{} {}", words.next()?, words.next()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crate_counts_once_and_each_of_its_versions() {
        let tree: String =
            (0..MOST - 1).map(|n| format!("c{n} v1.0.0\nc{n} v1.0.0 (proc-macro)\n")).collect();
        assert_eq!(judge(&format!("{tree}ours v0.1.0 (/somewhere)\n\n")), None);
        let over = judge(&format!("{tree}ours v0.1.0 (/somewhere)\nc0 v2.0.0\n")).unwrap();
        assert!(over.contains("81 crates; allowed: 80") && over.contains("c0 v2.0.0"), "{over}");
    }
}

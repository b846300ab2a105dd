//! Where the rest of the repository names its crates.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use semver::Version;

use crate::wit::new_version::names::Names;
use crate::workspace::read;

/// The lines that make the crate known: the workspace's table, the façade's manifest and its list.
pub(crate) fn edits(root: &Path, names: &Names) -> Result<Vec<(PathBuf, String)>> {
    let (engine, folder) = (names.engine_folder(), names.crate_folder());
    let mut edits = Vec::new();
    let mut edit = |path: &str, change: &dyn Fn(&str) -> Option<String>| {
        let path = root.join(path);
        let text = read(&path)?;
        let changed =
            change(&text).with_context(|| format!("{}: found no place for {folder}", path.display()))?;
        edits.push((path, changed));
        anyhow::Ok(())
    };
    edit("Cargo.toml", &|text| {
        let line = format!("astrid-{folder} = {{ path = \"crates/{folder}\", version = \"0.1.0\" }}");
        after(text, &format!("astrid-{engine} = "), &line)
    })?;
    edit("crates/astrid-capsule/Cargo.toml", &|text| {
        after(text, &format!("astrid-{engine}.workspace"), &format!("astrid-{folder}.workspace = true"))
    })?;
    edit("crates/astrid-capsule/src/packages.rs", &|text| listed(text, names))?;
    Ok(edits)
}

/// A line behind the first that begins so.
fn after(text: &str, begins: &str, line: &str) -> Option<String> {
    let mut lines: Vec<_> = text.lines().collect();
    let place = lines.iter().position(|line| line.starts_with(begins))?;
    lines.insert(place + 1, line);
    Some(lines.join("\n") + "\n")
}

/// A line in the list of packages, which is sorted by name and version.
fn listed(text: &str, names: &Names) -> Option<String> {
    let Names { package, version } = names;
    let (krate, engine, marker) = (names.krate(), names.engine(), names.marker());
    let line = format!("    (\"{package}\", \"{version}\", {krate}::add_to_linker, {engine}::{marker}View),");
    let mut lines: Vec<_> = text.lines().collect();
    let mut entries = lines.iter().enumerate().filter_map(|(at, line)| Some((at, entry(line)?)));
    let last_before = entries.rfind(|(_, entry)| *entry < (package.as_str(), version.clone()))?;
    lines.insert(last_before.0 + 1, &line);
    Some(lines.join("\n") + "\n")
}

/// Package and version of `("kv", "1.0.0", …`.
fn entry(line: &str) -> Option<(&str, Version)> {
    let mut quoted = line.trim_start().strip_prefix("(\"")?.split('"');
    Some((quoted.next()?, quoted.nth(1)?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_stays_sorted() {
        let list = "packages! {\n    (\"io\", \"1.0.0\", a, b),\n    (\"kv\", \"1.0.0\", a, b),\n    (\"sys\", \"1.0.0\", a, b),\n}\n";
        let names = Names::new("kv", &Version::new(1, 1, 0));
        let line = "    (\"kv\", \"1.1.0\", astrid_host_kv_v1_1::add_to_linker, astrid_host_kv::KvView),\n";
        let expected = list.replace("    (\"sys\"", &format!("{line}    (\"sys\""));
        assert_eq!(listed(list, &names).unwrap(), expected);
    }

    #[test]
    fn a_line_without_a_place_is_refused() {
        assert_eq!(after("a = 1\n", "b", "c"), None);
        assert_eq!(after("a = 1\nb = 2\n", "a", "c").unwrap(), "a = 1\nc\nb = 2\n");
    }
}

//! Compiler flags in cargo's configuration. Cargo itself tells them only to its nightly self.

use std::env;
use std::path::{Path, PathBuf};

use cargo_metadata::cargo_platform::{Cfg, Ident, Platform};
use toml::{Table, Value};

use crate::build::TARGET;

/// The flags that cargo finds for the target, weakest file first within each list.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Configured {
    /// Of the tables of the target, by name or by `cfg(…)`. If there are any, cargo reads no others.
    pub(crate) target: Vec<String>,
    /// Of the table `build`.
    pub(crate) build: Vec<String>,
}

/// Reads every configuration that cargo would merge when it runs in `dir`. A file that is wrong is passed over: cargo
/// is about to say so better.
pub(crate) fn read(dir: &Path) -> Configured {
    let mut configured = Configured::default();
    for path in config_files(dir).into_iter().rev() {
        if let Ok(text) = std::fs::read_to_string(path) {
            configured.add(&text);
        }
    }
    let variable = |name: &str| env::var(name).unwrap_or_default();
    configured.target.extend(words(&variable("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS")));
    configured.build.extend(words(&variable("CARGO_BUILD_RUSTFLAGS")));
    configured
}

impl Configured {
    fn add(&mut self, text: &str) {
        let Ok(file) = text.parse::<Table>() else { return };
        if let Some(flags) = file.get("build").and_then(|build| build.get("rustflags")) {
            self.build.extend(flag_list(flags));
        }
        let targets = file.get("target").and_then(Value::as_table).into_iter().flatten();
        for (_, table) in targets.filter(|(name, _)| is_for_target(name)) {
            self.target.extend(table.get("rustflags").into_iter().flat_map(flag_list));
        }
    }
}

/// From the strongest to the weakest: beside the sources, in each directory above, in cargo's home.
fn config_files(dir: &Path) -> Vec<PathBuf> {
    let dir = dir.canonicalize().unwrap_or_else(|_| dir.to_owned());
    let mut homes: Vec<PathBuf> = dir.ancestors().map(|above| above.join(".cargo")).collect();
    let home = env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| env::home_dir().map(|home| home.join(".cargo")));
    homes.extend(home.filter(|home| !homes.contains(home)));
    // Where both names are there, cargo reads the old one.
    let file = |home: &PathBuf| {
        ["config", "config.toml"].map(|name| home.join(name)).into_iter().find(|path| path.is_file())
    };
    homes.iter().filter_map(file).collect()
}

fn is_for_target(name: &str) -> bool {
    let known = [
        ("target_arch", "wasm32"),
        ("target_endian", "little"),
        ("target_env", ""),
        ("target_family", "wasm"),
        ("target_os", "unknown"),
        ("target_pointer_width", "32"),
        ("target_vendor", "unknown"),
    ];
    let cfgs =
        known.map(|(key, value)| Cfg::KeyPair(Ident { name: key.to_owned(), raw: false }, value.to_owned()));
    name.parse::<Platform>().is_ok_and(|platform| platform.matches(TARGET, &cfgs))
}

/// Cargo accepts a list, or one string that it splits at spaces.
fn flag_list(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => words(text),
        Value::Array(flags) => flags.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        _ => Vec::new(),
    }
}

fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_that_match_the_target_count_and_others_do_not() {
        let mut found = Configured::default();
        found.add(
            "[target.wasm32-unknown-unknown]\nrustflags = \"-A -B\"\n\
             [target.'cfg(target_family = \"wasm\")']\nrustflags = [\"-C\"]\n\
             [target.'cfg(unix)']\nrustflags = [\"-X\"]\n[target.x86_64-unknown-linux-gnu]\nrustflags = [\"-Y\"]\n\
             [build]\nrustflags = [\"-D\"]",
        );
        found.target.sort();
        assert_eq!(
            found,
            Configured { target: ["-A", "-B", "-C"].map(str::to_owned).into(), build: vec!["-D".into()] }
        );
    }

    #[test]
    fn a_file_that_is_no_configuration_adds_nothing() {
        let mut found = Configured::default();
        for text in ["[", "target = 3", "[target]\nwasm32-unknown-unknown = 1", "[build]\nrustflags = 1"] {
            found.add(text);
        }
        assert_eq!(found, Configured::default());
    }

    #[test]
    fn every_directory_above_is_searched_strongest_first() {
        let top = tempfile::tempdir().unwrap();
        let below = top.path().join("a/b");
        std::fs::create_dir_all(below.join(".cargo")).unwrap();
        std::fs::create_dir_all(top.path().join(".cargo")).unwrap();
        std::fs::write(below.join(".cargo/config.toml"), "").unwrap();
        std::fs::write(top.path().join(".cargo/config"), "").unwrap();
        std::fs::write(top.path().join(".cargo/config.toml"), "").unwrap();
        let top = top.path().canonicalize().unwrap();
        let found = config_files(&below);
        assert_eq!(found.first(), Some(&top.join("a/b/.cargo/config.toml")));
        assert_eq!(found.get(1), Some(&top.join(".cargo/config")));
    }
}

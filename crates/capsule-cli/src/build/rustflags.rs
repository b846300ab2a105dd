//! One compiler flag that every capsule needs: guests of the SDK draw random numbers from the host, and the crate
//! `getrandom` takes a backend only from a `--cfg` that reaches the whole dependency tree.

use std::env;
use std::path::Path;
use std::process::Command;

use crate::build::cargo_config::{self, Configured};

const FLAG: &str = "--cfg=getrandom_backend=\"custom\"";
/// Whoever chose a backend, this or another one, is left alone.
const CHOICE: &str = "getrandom_backend=";
/// A configuration table of its own: cargo adds its flags to those of the target's other tables, while naming the
/// target itself would collide with a string in the crate's own configuration.
const TABLE: &str = "target.'cfg(all(target_arch = \"wasm32\", target_vendor = \"unknown\", target_os = \"unknown\"))'.rustflags";

/// Separates flags in `CARGO_ENCODED_RUSTFLAGS`.
const UNIT: char = '\u{1f}';

/// Adds the flag to a cargo command that will run in `dir`, beside all flags that are set already. Cargo takes flags
/// from exactly one source, in this order: two environment variables, the target's tables, the `build` table.
pub(crate) fn add(command: &mut Command, dir: &Path) {
    for (name, separator) in [("CARGO_ENCODED_RUSTFLAGS", UNIT), ("RUSTFLAGS", ' ')] {
        // Cargo, too, passes over a value that is not Unicode.
        if let Ok(flags) = env::var(name) {
            if let Some(flags) = appended(&flags, separator) {
                command.env(name, flags);
            }
            return;
        }
    }
    if let Some(flags) = in_table(&cargo_config::read(dir)) {
        // JSON spells a list of strings as TOML does.
        command.arg("--config").arg(format!("{TABLE}={}", serde_json::Value::from(flags)));
    }
}

/// The variable's value with the flag; `None` when a choice is made there.
fn appended(flags: &str, separator: char) -> Option<String> {
    if flags.contains(CHOICE) {
        return None;
    }
    Some(if flags.is_empty() { FLAG.to_owned() } else { format!("{flags}{separator}{FLAG}") })
}

/// The flags for [`TABLE`]; `None` when a choice is made already.
fn in_table(configured: &Configured) -> Option<Vec<String>> {
    // With a table of the target there, cargo would otherwise no longer read the flags of `build`.
    let inherited = if configured.target.is_empty() { configured.build.as_slice() } else { &[] };
    if configured.target.iter().chain(inherited).any(|flag| flag.contains(CHOICE)) {
        return None;
    }
    Some(inherited.iter().cloned().chain([FLAG.to_owned()]).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn configured(target: &[&str], build: &[&str]) -> Configured {
        let owned = |flags: &[&str]| flags.iter().map(|&flag| flag.to_owned()).collect();
        Configured { target: owned(target), build: owned(build) }
    }

    #[test]
    fn a_variable_keeps_its_flags_and_gains_ours() {
        assert_eq!(appended("", ' ').unwrap(), FLAG);
        assert_eq!(appended("-Copt-level=z", ' ').unwrap(), format!("-Copt-level=z {FLAG}"));
        assert_eq!(
            appended("-C\u{1f}debuginfo=0", UNIT).unwrap(),
            format!("-C\u{1f}debuginfo=0\u{1f}{FLAG}")
        );
    }

    #[test]
    fn a_choice_is_left_alone_wherever_it_is_made() {
        assert_eq!(appended("--cfg getrandom_backend=\"wasm_js\"", ' '), None);
        assert_eq!(in_table(&configured(&["--cfg", "getrandom_backend=\"custom\""], &[])), None);
        assert_eq!(in_table(&configured(&[], &[FLAG])), None);
    }

    #[test]
    fn flags_of_build_are_kept_unless_cargo_would_not_have_read_them() {
        let kept = in_table(&configured(&[], &["-Cstrip=symbols"])).unwrap();
        assert_eq!(kept, ["-Cstrip=symbols", FLAG]);
        let shadowed = in_table(&configured(&["-Copt-level=z"], &["-Cstrip=symbols"])).unwrap();
        assert_eq!(shadowed, [FLAG]);
        // A choice in a table that nobody reads is none.
        assert_eq!(in_table(&configured(&["-Copt-level=z"], &[FLAG])).unwrap(), [FLAG]);
    }
}

//! The sources of a new capsule.

use std::fs;
use std::path::Path;

use astrid_capsule_manifest::CapsuleId;
use tempfile::{Builder, TempDir};

use crate::error::CliError;

/// Where each file goes, and what is in it.
const FILES: [(&str, &str); 6] = [
    ("Cargo.toml", include_str!("../template/Cargo.toml.in")),
    ("Capsule.toml", include_str!("../template/Capsule.toml.in")),
    ("README.md", include_str!("../template/README.md.in")),
    (".gitignore", include_str!("../template/gitignore.in")),
    (".cargo/config.toml", include_str!("../template/config.toml.in")),
    ("src/lib.rs", include_str!("../template/lib.rs.in")),
];

/// Names that a capsule can have and a crate cannot: words of the language, and crates that come with it.
const NO_CRATE: [&str; 55] = [
    "abstract",
    "alloc",
    "as",
    "async",
    "await",
    "become",
    "box",
    "break",
    "const",
    "continue",
    "core",
    "crate",
    "do",
    "dyn",
    "else",
    "enum",
    "extern",
    "false",
    "final",
    "fn",
    "for",
    "gen",
    "if",
    "impl",
    "in",
    "let",
    "loop",
    "macro",
    "match",
    "mod",
    "move",
    "mut",
    "override",
    "priv",
    "proc-macro",
    "pub",
    "ref",
    "return",
    "self",
    "static",
    "std",
    "struct",
    "super",
    "test",
    "trait",
    "true",
    "try",
    "type",
    "typeof",
    "unsafe",
    "unsized",
    "use",
    "virtual",
    "where",
    "while",
];

/// Makes the directory `dir` with the sources of a capsule. It is written beside its place and then moved there.
///
/// # Errors
/// There is something at `dir` already, or the directory cannot be written.
pub(crate) fn write(name: &CapsuleId, dir: &Path) -> Result<(), CliError> {
    let unwritable = |error: std::io::Error| CliError::at(dir, format_args!("cannot be made: {error}"));
    // Whatever is there, a dangling link included.
    if fs::symlink_metadata(dir).is_ok() {
        return Err(
            CliError::at(dir, "is there already").allowed("a name of which there is no file or directory")
        );
    }
    let above = dir.parent().filter(|above| !above.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let staged = staging(above).map_err(unwritable)?;
    for (path, text) in FILES {
        let path = staged.path().join(path);
        let text = text.replace("{{name}}", name).replace("{{crate}}", &crate_name(name));
        path.parent()
            .map_or(Ok(()), fs::create_dir_all)
            .and_then(|()| fs::write(&path, text))
            .map_err(unwritable)?;
    }
    fs::rename(staged.path(), dir).map_err(unwritable)?;
    // It is in its place, so there is nothing left to remove.
    let _ = staged.keep();
    Ok(())
}

fn staging(above: &Path) -> std::io::Result<TempDir> {
    let mut builder = Builder::new();
    builder.prefix(".capsule-new-");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // What a plain create would give: the umask takes its part.
        builder.permissions(fs::Permissions::from_mode(0o777));
    }
    builder.tempdir_in(above)
}

/// The capsule's id where cargo accepts it, and something close to it elsewhere.
fn crate_name(name: &str) -> String {
    let fits = name.starts_with(|first: char| first.is_ascii_lowercase()) && !NO_CRATE.contains(&name);
    if fits { name.to_owned() } else { format!("capsule-{}", name.trim_start_matches('-')) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_no_crate_gets_a_prefix() {
        assert_eq!(crate_name("notes"), "notes");
        assert_eq!(crate_name("3d-prints"), "capsule-3d-prints");
        assert_eq!(crate_name("-x"), "capsule-x");
        assert_eq!(crate_name("fn"), "capsule-fn");
    }

    #[test]
    fn nothing_is_left_when_the_place_is_taken() {
        let above = tempfile::tempdir().unwrap();
        let dir = above.path().join("taken");
        fs::write(&dir, "mine").unwrap();
        let name = CapsuleId::parse("taken").unwrap();
        assert!(write(&name, &dir).is_err());
        assert_eq!(fs::read(&dir).unwrap(), b"mine");
        assert_eq!(fs::read_dir(above.path()).unwrap().count(), 1);
    }
}

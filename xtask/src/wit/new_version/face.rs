//! The face of the new version, from the engine's own first one.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use crate::wit::new_version::names::Names;
use crate::workspace::{files_below, read};

/// `v1_1.rs`, and what is in a folder beside it, from `src` on.
pub(crate) fn files(engine: &Path, names: &Names) -> Result<Vec<(PathBuf, String)>> {
    let src = engine.join("src");
    let root = src.join("v1_0.rs");
    if !root.is_file() {
        bail!("{}: no face to begin from", root.display());
    }
    // Where the module of errors is private, its arms are at the crate's root.
    let public_errors = read(&src.join("lib.rs"))?.contains("pub mod error;");
    let convert = |text: &str| {
        let text = converted(text, names);
        let engine = names.engine();
        if public_errors { text } else { text.replace(&format!("{engine}::error::"), &format!("{engine}::")) }
    };
    let mut files = vec![(PathBuf::from(format!("{}.rs", names.module())), convert(&read(&root)?))];
    let folder = src.join("v1_0");
    for path in files_below(&folder)? {
        let within = Path::new(&names.module()).join(path.strip_prefix(&folder)?);
        files.push((within, convert(&read(&path)?)));
    }
    Ok(files)
}

/// The package's version changes, other packages' do not; what was this crate is the engine now.
fn converted(text: &str, names: &Names) -> String {
    let text = reversioned(text, names);
    let (own, engine) = (format!("\0{}", names.module()), format!("{}::", names.engine()));
    text.replace("crate::v1_0", &own).replace("crate::", &engine).replace('\0', "crate::")
}

fn reversioned(text: &str, names: &Names) -> String {
    let package = format!("astrid:{}", names.package);
    let mut parts = text.split(package.as_str());
    let mut result = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        result.push_str(&package);
        // `astrid:kv@1.0.0` or `astrid:kv/host@1.0.0`; other text may follow the bare name.
        let interface =
            part.find(|c: char| !(c.is_ascii_alphanumeric() || c == '/' || c == '-')).unwrap_or(part.len());
        let (interface, rest) = part.split_at(interface);
        result.push_str(interface);
        match rest.strip_prefix("@1.0.0") {
            Some(rest) => result.push_str(&format!("@{}{rest}", names.version)),
            None => result.push_str(rest),
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use semver::Version;

    use super::*;

    fn kv(text: &str) -> String {
        converted(text, &Names::new("kv", &Version::new(1, 1, 0)))
    }

    #[test]
    fn versions_of_the_package_change_and_of_others_do_not() {
        assert_eq!(
            kv(
                "`astrid:kv@1.0.0` \"astrid:kv/host@1.0.0.[method]x.y\" astrid:io/poll@1.0.0 astrid_host_io::v1_0::x"
            ),
            "`astrid:kv@1.1.0` \"astrid:kv/host@1.1.0.[method]x.y\" astrid:io/poll@1.0.0 astrid_host_io::v1_0::x"
        );
    }

    #[test]
    fn paths_of_the_crate_become_the_engines_except_into_the_face() {
        assert_eq!(
            kv("use crate::{Error, Page};\nuse crate::v1_0::bindings;\narms::V1_0"),
            "use astrid_host_kv::{Error, Page};\nuse crate::v1_1::bindings;\narms::V1_0"
        );
    }
}

//! A host's directory and capsules to install into it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use astrid_capsule_install::{
    Begun, Contents, InstallError, Lock, Meta, Order, Package, Phase, Place, Progress, recover_one,
};
use astrid_capsule_manifest::CapsuleId;

/// Bytes by relative path.
pub(crate) type Files = BTreeMap<String, Vec<u8>>;

/// A capsule's source directory of version `version`, whose every file names it.
pub(crate) fn source(into: &Path, version: &str) -> PathBuf {
    let dir = into.join(format!("source-{version}"));
    let manifest = format!(
        "[package]\nname = \"notes\"\nversion = \"{version}\"\n[[component]]\nfile = \"notes.wasm\"\n"
    );
    for (name, text) in [
        ("Capsule.toml", manifest),
        ("notes.wasm", format!("component {version}")),
        ("lib/deep.wasm", "left out".to_owned()),
        ("skills/one.md", format!("skill {version}")),
        ("skills/target", "a file".to_owned()),
        (&format!("only-{version}.txt"), version.to_owned()),
        ("wit/notes.wit", format!("interface {version}")),
        (&format!("wit/deps/acme/only-{version}.wit"), format!("only {version}")),
        ("wit/same.wit", "the same in all versions".to_owned()),
        ("target/debug/junk", "left out".to_owned()),
        (".git/HEAD", "left out".to_owned()),
        ("ui/node_modules/x.js", "left out".to_owned()),
    ] {
        write(&dir, name, text);
    }
    dir
}

pub(crate) fn write(dir: &Path, name: &str, bytes: impl AsRef<[u8]>) {
    let path = dir.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, bytes).unwrap();
}

pub(crate) fn place(home: &Path) -> Place {
    Place::new(home, "alice", &CapsuleId::parse("notes").unwrap()).unwrap()
}

/// Everything below `dir`: files with their bytes, links with what they lead to.
pub(crate) fn files(dir: &Path) -> Files {
    let mut found = Files::new();
    walk(dir, "", &mut found);
    found
}

fn walk(dir: &Path, prefix: &str, found: &mut Files) {
    for entry in std::fs::read_dir(dir).into_iter().flatten() {
        let entry = entry.unwrap();
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            walk(&entry.path(), &format!("{name}/"), found);
        } else if kind.is_symlink() {
            let to = std::fs::read_link(entry.path()).unwrap();
            found.insert(name, to.to_string_lossy().into_owned().into_bytes());
        } else {
            found.insert(name, std::fs::read(entry.path()).unwrap());
        }
    }
}

/// What of a home counts: no locks, and no times in records.
pub(crate) fn state(home: &Path) -> Files {
    let mut found = files(home);
    found.retain(|name, _| !name.ends_with(".lock"));
    for (name, bytes) in &mut found {
        if name.ends_with("meta.json") {
            let mut meta: serde_json::Value = serde_json::from_slice(bytes).unwrap();
            let meta = meta.as_object_mut().unwrap();
            meta.retain(|key, _| !["updated_at", "installed_at"].contains(&key.as_str()));
            *bytes = serde_json::to_vec(meta).unwrap();
        }
    }
    found
}

/// Installs `source` as a host would that has nothing of its own to do.
pub(crate) fn install(home: &Path, source: &Path) -> Result<(), InstallError> {
    install_with(home, source, b"undo", b"redo", Arc::new(()))
}

pub(crate) fn install_with(
    home: &Path,
    source: &Path,
    undo: &[u8],
    redo: &[u8],
    progress: Arc<dyn Progress>,
) -> Result<(), InstallError> {
    let package = Package::open(source, home, "alice")?;
    let place = place(home);
    if let Some(pending) = recover_one(Lock::take(&place)?)? {
        pending.finish()?;
    }
    let old = Meta::read(&place.target())?;
    let contents = Contents::read(&package.dir, &package.manifest, None)?;
    let order = Order {
        phase: if old.is_some() { Phase::Upgrade } else { Phase::Install },
        from: old.as_ref().map(|meta| meta.version.clone()),
        to: package.manifest.package.version.to_string(),
        undo: undo.to_vec(),
    };
    let begun = Begun::new(Lock::take(&place)?, order, &contents, progress)?;
    let meta = contents.installed(&package, old.as_ref());
    begun.place(&package.dir)?.commit(&meta, redo.to_vec())?.finish()
}

//! What an installation would do.

use std::path::Path;

use astrid_capsule_install::{Code, Meta, Plan, Step, Wishes, conflicts};
use astrid_capsule_manifest::{CapsuleManifest, parse_manifest};

use crate::support::{install, source, write};

fn manifest(version: &str, capabilities: &str) -> CapsuleManifest {
    let text =
        format!("[package]\nname = \"notes\"\nversion = \"{version}\"\n[capabilities]\n{capabilities}\n");
    parse_manifest(&text, Path::new("Capsule.toml")).unwrap().0
}

fn installed(version: &str, capabilities: &str) -> Meta {
    let manifest = manifest(version, capabilities);
    let mut meta = Meta::of(&manifest, None);
    meta.approved_capabilities = Some(manifest.capabilities);
    meta
}

fn step(new: &str, old: &str, wishes: Wishes) -> Result<Step, Code> {
    Plan::new(&manifest(new, ""), Some(&installed(old, "")), wishes)
        .map(|plan| plan.step)
        .map_err(|e| e.code())
}

#[test]
fn a_version_is_compared_with_the_installed_one() {
    let none = Wishes::default();
    let from = |from: &str| Ok(Step::Upgrade { from: from.to_owned() });
    assert_eq!(Plan::new(&manifest("1.0.0", ""), None, none).unwrap().step, Step::First);
    assert_eq!(step("1.1.0", "1.0.0", none), from("1.0.0"));
    assert_eq!(step("1.0.0", "1.0.0", none), Ok(Step::Nothing));
    assert_eq!(step("1.0.0", "1.0.0", Wishes { reinstall: true, ..none }), Ok(Step::Again));
    assert_eq!(step("1.0.0", "1.1.0", none), Err(Code::Downgrade));
    assert_eq!(step("1.0.0-rc.1", "1.0.0", Wishes { reinstall: true, ..none }), Err(Code::Downgrade));
    assert_eq!(step("1.0.0", "1.1.0", Wishes { allow_downgrade: true, ..none }), from("1.1.0"));
    assert_eq!(step("1.0.0+two", "1.0.0+one", none), from("1.0.0+one"));
    let mut unnamed = installed("1.0.0", "");
    unnamed.version.clear();
    assert_eq!(
        Plan::new(&manifest("1.0.0", ""), Some(&unnamed), none).unwrap().step,
        Step::Upgrade { from: String::new() }
    );
    let refused =
        Plan::new(&manifest("1.0.0", ""), Some(&installed("1.1.0", "")), none).unwrap_err().to_string();
    assert_eq!(
        refused,
        "notes 1.0.0 is lower than the installed 1.1.0; allowed: 1.1.0 or higher, or --allow-downgrade"
    );
}

// lifecycle case 13
#[test]
fn an_upgrade_asks_for_what_it_adds_and_a_first_installation_for_everything() {
    let lines = |new: &str, old: Option<&Meta>| {
        Plan::new(&manifest("1.1.0", new), old, Wishes::default()).unwrap().expansion_lines()
    };
    let old = installed("1.0.0", "net = [\"y.io\"]\nfs_read = [\"cwd://\"]");
    assert_eq!(lines("net = [\"y.io\", \"x.io\"]\nfs_read = [\"cwd://\"]", Some(&old)), ["net: x.io"]);
    assert!(lines("net = [\"y.io\"]", Some(&old)).is_empty(), "removing is no expansion");
    assert_eq!(
        lines("net = [\"y.io\", \"x.io\"]\nuplink = true", None),
        ["net: y.io, x.io", "uplink: enabled"]
    );
    // A record of a build approves nothing.
    let built = Meta::of(&manifest("1.0.0", "net = [\"y.io\"]"), None);
    assert_eq!(lines("net = [\"y.io\"]", Some(&built)), ["net: y.io"]);
}

#[test]
fn exports_that_an_installed_capsule_has_too_are_reported() {
    let (work, home) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let dir = source(work.path(), "1.0.0");
    let text = std::fs::read_to_string(dir.join("Capsule.toml")).unwrap();
    write(
        &dir,
        "Capsule.toml",
        format!("{text}[exports]\n\"acme:store\" = \"1.0.0\"\n\"acme:x\" = \"1.0.0\"\n"),
    );
    install(home.path(), &dir).unwrap();
    write(home.path(), "home/alice/.local/capsules/broken/Capsule.toml", "[");
    let text = "[package]\nname = \"other\"\nversion = \"1.0.0\"\n[exports]\n\"acme:store\" = \"2.0.0\"\n";
    let other = parse_manifest(text, Path::new("Capsule.toml")).unwrap().0;
    let found = conflicts(home.path(), "alice", &other).unwrap();
    let shown: Vec<_> = found.iter().map(ToString::to_string).collect();
    assert_eq!(shown, ["acme:store is exported by the installed capsule notes too"]);
    assert!(conflicts(home.path(), "bob", &other).unwrap().is_empty());
    let itself = parse_manifest(&text.replace("other", "notes"), Path::new("Capsule.toml")).unwrap().0;
    assert!(conflicts(home.path(), "alice", &itself).unwrap().is_empty());
}

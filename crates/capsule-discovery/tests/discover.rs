//! What is found, what is left out, and what is said about it.
#![expect(clippy::unwrap_used, reason = "a test that cannot set up must fail")]

use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use astrid_capsule_discovery::{Discovery, Reason, SearchPath, Trust, discover};

fn write(path: impl AsRef<Path>, text: &str) {
    std::fs::create_dir_all(path.as_ref().parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

fn manifest(id: &str) -> String {
    format!("[package]\nname = \"{id}\"\nversion = \"1.0.0\"\n[[component]]\nfile = \"c.wasm\"\n")
}

fn capsule(dir: &Path, id: &str) -> PathBuf {
    write(dir.join("Capsule.toml"), &manifest(id));
    write(dir.join("c.wasm"), "code");
    dir.to_owned()
}

fn names(found: &Discovery) -> Vec<&str> {
    found.found.iter().map(|one| one.manifest.package.name.as_str()).collect()
}

fn explicit(dir: &Path) -> Discovery {
    discover(&[SearchPath::explicit(dir)], &Trust::none())
}

#[test]
fn a_path_is_one_capsule_or_a_directory_of_them_by_name_without_hidden_ones_and_backups() {
    let place = tempfile::tempdir().unwrap();
    for name in ["b", "a", ".hidden", "old.bak"] {
        capsule(&place.path().join(name), name.trim_start_matches('.').trim_end_matches(".bak"));
    }
    capsule(&place.path().join("deep/inner"), "inner");
    write(place.path().join("file"), "");
    assert_eq!(names(&explicit(place.path())), ["a", "b"]);
    capsule(place.path(), "whole");
    assert_eq!(names(&explicit(place.path())), ["whole"]);
}

#[test]
fn a_path_that_does_not_exist_is_empty_and_one_that_is_a_file_is_reported() {
    let place = tempfile::tempdir().unwrap();
    let none = explicit(&place.path().join("nowhere"));
    assert!(none.found.is_empty() && none.skipped.is_empty());
    write(place.path().join("file"), "");
    let file = explicit(&place.path().join("file"));
    assert!(matches!(file.skipped.as_slice(), [one] if matches!(one.reason, Reason::Unreadable(_))));
}

// lifecycle case 6
#[test]
fn the_first_of_two_capsules_with_one_name_wins_and_one_warning_names_both() {
    let place = tempfile::tempdir().unwrap();
    let first = capsule(&place.path().join("system/x"), "x");
    let root = place.path().join("root");
    let second = capsule(SearchPath::installed(&root, "alice").dir().join("x").as_path(), "x");
    let paths = [SearchPath::explicit(place.path().join("system")), SearchPath::installed(&root, "alice")];
    let found = discover(&paths, &Trust::none());
    assert_eq!(found.found.iter().map(|one| &one.dir).collect::<Vec<_>>(), [&first]);
    let [skipped] = found.skipped.as_slice() else { panic!("{:?}", found.skipped) };
    let text = skipped.to_string();
    assert!(text.contains(first.to_str().unwrap()) && text.contains(second.to_str().unwrap()), "{text}");
}

// lifecycle case 6
#[test]
fn one_broken_manifest_among_22_leaves_21() {
    let place = tempfile::tempdir().unwrap();
    for n in 0..22 {
        capsule(&place.path().join(format!("c{n:02}")), &format!("c{n:02}"));
    }
    write(place.path().join("c07/Capsule.toml"), "[package]\nname = \"Bad\"\nversion = \"1.0.0\"\n");
    let found = explicit(place.path());
    assert_eq!(found.found.len(), 21);
    let [skipped] = found.skipped.as_slice() else { panic!("{:?}", found.skipped) };
    let text = skipped.to_string();
    assert!(text.contains("c07/Capsule.toml:2:8: [package.name]") && text.contains("allowed:"), "{text}");
}

#[test]
fn in_a_workspace_links_are_left_out_and_elsewhere_followed() {
    let place = tempfile::tempdir().unwrap();
    let real = capsule(&place.path().join("real"), "real");
    let workspace = place.path().join("ws");
    let capsules = workspace.join(".astrid/capsules");
    std::fs::create_dir_all(capsules.join("file")).unwrap();
    symlink(&real, capsules.join("dir")).unwrap();
    symlink(real.join("Capsule.toml"), capsules.join("file/Capsule.toml")).unwrap();
    let trust_file = place.path().join("trusted.json");
    Trust::approve(&trust_file, &real).unwrap();
    let trust = Trust::load(&trust_file).unwrap();
    let found = discover(&[SearchPath::workspace(&workspace)], &trust);
    assert!(found.found.is_empty());
    assert!(found.skipped.iter().all(|one| matches!(one.reason, Reason::Symlink(_))));
    assert_eq!(found.skipped.len(), 2);
    assert_eq!(names(&explicit(&capsules.join("dir"))), ["real"]);

    let linked = place.path().join("linked");
    std::fs::create_dir(&linked).unwrap();
    symlink(workspace.join(".astrid"), linked.join(".astrid")).unwrap();
    let found = discover(&[SearchPath::workspace(&linked)], &trust);
    assert!(matches!(found.skipped.as_slice(), [one] if matches!(one.reason, Reason::Symlink(_))));
}

// lifecycle case 29
#[test]
fn a_workspace_capsule_loads_only_as_it_was_approved() {
    let place = tempfile::tempdir().unwrap();
    let workspace = place.path().join("ws");
    let dir = capsule(&workspace.join(".astrid/capsules/x"), "x");
    let file = place.path().join("etc/trusted.json");
    let look = || discover(&[SearchPath::workspace(&workspace)], &Trust::load(&file).unwrap());
    let hint = format!("capsule trust {}", dir.display());

    let untrusted = look();
    assert!(untrusted.found.is_empty());
    assert!(untrusted.skipped.iter().any(|one| one.to_string().contains(&hint)), "{:?}", untrusted.skipped);

    let approved = Trust::approve(&file, &dir).unwrap();
    let trusted = look();
    assert_eq!(names(&trusted), ["x"]);
    assert_eq!(trusted.found.first().unwrap().approved, Some(approved));
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);

    write(dir.join("Capsule.toml"), &(manifest("x") + "[capabilities]\nnet = [\"evil.io\"]\n"));
    assert!(look().found.is_empty(), "the manifest changed");
    Trust::approve(&file, &dir).unwrap();
    assert_eq!(names(&look()), ["x"]);
    write(dir.join("c.wasm"), "other code");
    assert!(look().found.is_empty(), "the code changed");
    Trust::approve(&file, &dir).unwrap();

    let moved = workspace.join(".astrid/capsules/y");
    std::fs::rename(&dir, &moved).unwrap();
    assert!(look().found.is_empty(), "the same files elsewhere were not approved");
}

#[test]
fn a_file_of_approvals_that_is_damaged_is_an_error_and_not_nobody() {
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("trusted.json");
    write(&file, "{");
    let text = Trust::load(&file).unwrap_err().to_string();
    assert!(text.contains("trusted.json") && text.contains("capsule trust"), "{text}");
    assert!(Trust::approve(&file, &capsule(&place.path().join("x"), "x")).is_err());
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "{");
}

//! `capsule build` of what cannot be built. Compiles at most a crate without dependencies.

use std::path::{Path, PathBuf};

use crate::support::{Ended, MANIFEST, capsule, ended, names, run, write};

/// A capsule on nothing but the standard library.
fn sources(dir: &Path, code: &str) {
    write(dir, "Capsule.toml", MANIFEST);
    let crate_file = "[package]\nname = \"fixture\"\nversion = \"1.2.3\"\nedition = \"2024\"\n\n\
                      [lib]\ncrate-type = [\"cdylib\"]\n\n[workspace]\n";
    write(dir, "Cargo.toml", crate_file);
    write(dir, "src/lib.rs", code);
}

#[test]
fn a_directory_without_manifest_or_crate_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    run(dir.path(), &["build", "none"]).refused(1, &["none", "cannot be read"]);
    run(dir.path(), &["build", "."]).refused(1, &["is no capsule", "Capsule.toml"]);
    write(dir.path(), "Capsule.toml", MANIFEST);
    run(dir.path(), &["build", "."]).refused(1, &["./Cargo.toml", "is not there", "capsule new"]);
    run(dir.path(), &["build", "Capsule.toml"]).refused(1, &["Capsule.toml", "is not a directory"]);
}

#[test]
fn a_manifest_that_names_no_file_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    sources(dir.path(), "");
    write(
        dir.path(),
        "Capsule.toml",
        "[package]\nname = \"fixture\"\nversion = \"1.2.3\"\n\n[[component]]\nid = \"a\"\n",
    );
    run(dir.path(), &["build", "."]).refused(1, &["./Capsule.toml", "[component[0].file]"]);
    let skill =
        "[package]\nname = \"fixture\"\nversion = \"1.2.3\"\n\n[[skill]]\nname = \"a\"\nfile = \"a.md\"\n";
    write(dir.path(), "Capsule.toml", skill);
    run(dir.path(), &["build", "."])
        .refused(1, &["./Capsule.toml", "[component]", "file = \"fixture.wasm\""]);
    write(dir.path(), "Capsule.toml", MANIFEST.replace("fixture.wasm", "/fixture.wasm"));
    run(dir.path(), &["build", "."]).refused(1, &["./Capsule.toml", "file", "/fixture.wasm", "relative"]);
}

#[test]
fn a_crate_that_makes_no_module_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    sources(dir.path(), "");
    write(dir.path(), "Cargo.toml", "[package]\nname = \"fixture\"\nversion = \"1.2.3\"\n\n[workspace]\n");
    run(dir.path(), &["build", "."]).refused(1, &["./Cargo.toml", "[lib.crate-type]", "cdylib"]);
    write(dir.path(), "Cargo.toml", "[workspace]\n");
    run(dir.path(), &["build", "."]).refused(1, &["./Cargo.toml", "[package] is missing"]);
    write(dir.path(), "Cargo.toml", "[package]\nname = 7\n");
    run(dir.path(), &["build", "."]).refused(1, &["./Cargo.toml", "name"]);
}

#[test]
fn what_the_compiler_says_is_passed_on_and_nothing_is_written() {
    let dir = tempfile::tempdir().unwrap();
    sources(dir.path(), "fn broken( {}\n");
    write(dir.path(), "fixture.wasm", "the last good build");
    let mut command = capsule(dir.path(), &["build", "."]);
    command.env("CARGO_TARGET_DIR", dir.path().join("made"));
    let ended = ended(command);
    assert_eq!(ended.code, Some(1));
    assert!(ended.stderr.contains("src/lib.rs:1"), "{}", ended.stderr);
    let last = ended.stderr.lines().last().unwrap();
    assert!(last.starts_with("error: ./Cargo.toml: cargo build failed"), "{last}");
    assert_eq!(std::fs::read_to_string(dir.path().join("fixture.wasm")).unwrap(), "the last good build");
    assert!(!dir.path().join("meta.json").exists());
}

#[test]
fn a_module_without_component_types_is_refused_and_nothing_is_written() {
    let dir = tempfile::tempdir().unwrap();
    sources(dir.path(), "#[unsafe(no_mangle)]\npub extern \"C\" fn run() {}\n");
    let ended = run(dir.path(), &["build", "."]);
    ended.refused(1, &["fixture.wasm", "component types", "astrid-sdk"]);
    assert_eq!(names(dir.path()), ["Capsule.toml", "Cargo.lock", "Cargo.toml", "src", "target"]);
}

/// An executable script below `dir`.
fn script(dir: &Path, path: &str, text: &str) -> PathBuf {
    let path = dir.join(path);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    // Written by another process: a child that any of these tests begins meanwhile has whatever this one has open
    // for a moment, and a file that is open for writing cannot be run.
    let mut shell = std::process::Command::new("sh");
    shell.args(["-c", r#"printf '#!/bin/sh\n%s\n' "$1" > "$0" && chmod 755 "$0""#]).arg(&path).arg(text);
    assert!(shell.status().unwrap().success());
    path
}

/// Builds `dir` with the programs in `dir/bin` alone, and a compiler whose toolchain has no targets.
fn build_on_bare_toolchain(dir: &Path) -> Ended {
    sources(dir, "");
    let rustc = script(dir, "bin/rustc", &format!("echo '{}'", dir.join("bare-toolchain").display()));
    let mut command = capsule(dir, &["build", "."]);
    command.env("PATH", dir.join("bin")).env("CARGO", env!("CARGO")).env("RUSTC", rustc);
    ended(command)
}

#[test]
fn a_missing_target_without_rustup_is_explained() {
    let dir = tempfile::tempdir().unwrap();
    let ended = build_on_bare_toolchain(dir.path());
    ended.refused(
        1,
        &["bare-toolchain", "wasm32-unknown-unknown", "rustup cannot be run", "rustup target add"],
    );
}

#[test]
fn a_missing_target_is_installed_with_rustup() {
    let dir = tempfile::tempdir().unwrap();
    script(dir.path(), "bin/rustup", &format!("echo \"$@\" > '{}'", dir.path().join("asked").display()));
    // The script installs nothing, so that cargo then fails.
    assert_eq!(build_on_bare_toolchain(dir.path()).code, Some(1));
    let asked = std::fs::read_to_string(dir.path().join("asked")).unwrap();
    assert_eq!(asked, "target add wasm32-unknown-unknown\n");
}

#[test]
fn what_rustup_says_when_it_fails_is_part_of_the_error() {
    let dir = tempfile::tempdir().unwrap();
    script(dir.path(), "bin/rustup", "echo 'error: no network' >&2; exit 1");
    build_on_bare_toolchain(dir.path())
        .refused(1, &["rustup failed: error: no network", "rustup target add"]);
}

#[test]
fn a_missing_compiler_is_explained() {
    let dir = tempfile::tempdir().unwrap();
    sources(dir.path(), "");
    let mut command = capsule(dir.path(), &["build", "."]);
    command.env("CARGO", env!("CARGO")).env("RUSTC", "/nowhere/rustc");
    ended(command).refused(1, &["/nowhere/rustc", "cannot be run", "rustup.rs"]);
}

//! `capsule build` of what cannot be built. Compiles at most a crate without dependencies.
#![expect(clippy::unwrap_used, reason = "a test that cannot set up must fail")]
#![expect(dead_code, reason = "each test file needs some of the support")]

mod support;

use std::path::Path;

use support::{MANIFEST, capsule, ended, names, run, write};

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

#[cfg(unix)]
#[test]
fn a_missing_target_without_rustup_is_explained() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    sources(dir.path(), "");
    let bare = dir.path().join("bare-toolchain");
    let rustc = write(dir.path(), "bin/rustc", format!("#!/bin/sh\necho '{}'\n", bare.display()));
    std::fs::set_permissions(&rustc, std::fs::Permissions::from_mode(0o755)).unwrap();
    let mut command = capsule(dir.path(), &["build", "."]);
    command.env("PATH", dir.path().join("bin")).env("CARGO", env!("CARGO")).env("RUSTC", &rustc);
    let ended = ended(command);
    ended.refused(
        1,
        &["bare-toolchain", "wasm32-unknown-unknown", "rustup cannot be run", "rustup target add"],
    );

    let mut command = capsule(dir.path(), &["build", "."]);
    command.env("CARGO", env!("CARGO")).env("RUSTC", "/nowhere/rustc");
    support::ended(command).refused(1, &["/nowhere/rustc", "cannot be run", "rustup.rs"]);
}

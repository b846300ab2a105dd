//! `capsule check`.

use std::path::Path;

use crate::support::{MANIFEST, component, good_capsule, run, write};

/// A good capsule whose component is this one instead.
fn with_component(dir: &Path, bytes: &[u8]) {
    good_capsule(dir);
    write(dir, "fixture.wasm", bytes);
    write(dir, "meta.json", format!("{{\"wasm_hash\":\"{}\"}}", blake3::hash(bytes).to_hex()));
}

#[test]
fn a_good_capsule_is_good() {
    let dir = tempfile::tempdir().unwrap();
    good_capsule(dir.path());
    assert_eq!(run(dir.path(), &["check", "."]).good(), ".: fixture 1.2.3 is good\n");
}

#[test]
fn every_capsule_is_checked_whatever_the_others_are() {
    let dir = tempfile::tempdir().unwrap();
    good_capsule(&dir.path().join("b"));
    write(dir.path(), "c/Capsule.toml", "[package]\nname = \"C\"\nversion = \"1.0\"\n");
    let ended = run(dir.path(), &["check", "a", "b", "c"]);
    assert_eq!(ended.stdout, "b: fixture 1.2.3 is good\n");
    // No directory, a wrong name, a wrong version.
    ended.refused_lines(1, 3);
    for part in ["a: cannot be read", "[package.name]", "[package.version]"] {
        assert!(ended.stderr.contains(part), "{part} is missing in {}", ended.stderr);
    }
}

// manifest case 24
#[test]
fn a_warning_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    good_capsule(dir.path());
    write(dir.path(), "Capsule.toml", format!("{MANIFEST}\n[capabilities]\nfs_raed = [\"cwd://\"]\n"));
    run(dir.path(), &["check", "."])
        .refused(1, &["Capsule.toml:", "capabilities.fs_raed", "grants nothing", "fs_read"]);
}

// engines case 9
#[test]
fn a_component_other_than_the_recorded_one_is_refused_with_both_hashes() {
    let dir = tempfile::tempdir().unwrap();
    good_capsule(dir.path());
    let other = component("astrid:sys/host@1.0.0");
    write(dir.path(), "fixture.wasm", &other);
    let recorded = blake3::hash(&component("astrid:kv/host@1.0.0")).to_hex();
    let found = blake3::hash(&other).to_hex();
    run(dir.path(), &["check", "."])
        .refused(1, &["./fixture.wasm", "meta.json", recorded.as_str(), found.as_str()]);

    good_capsule(dir.path());
    let pinned = format!("{MANIFEST}hash = \"{}\"\n", "0".repeat(64));
    write(dir.path(), "Capsule.toml", pinned);
    run(dir.path(), &["check", "."]).refused(1, &["./fixture.wasm", "[component.hash]", recorded.as_str()]);
}

// engines case 10
#[test]
fn a_component_without_a_recorded_hash_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    good_capsule(dir.path());
    std::fs::remove_file(dir.path().join("meta.json")).unwrap();
    run(dir.path(), &["check", "."])
        .refused(1, &["./fixture.wasm", "no recorded BLAKE3 hash", "capsule build"]);
    write(dir.path(), "meta.json", "{}");
    run(dir.path(), &["check", "."]).refused(1, &["./fixture.wasm", "no recorded BLAKE3 hash"]);

    // The manifest's pin is a record as well.
    let hash = blake3::hash(&component("astrid:kv/host@1.0.0")).to_hex();
    write(dir.path(), "Capsule.toml", format!("{MANIFEST}hash = \"{hash}\"\n"));
    run(dir.path(), &["check", "."]).good();
}

#[test]
fn a_damaged_record_is_named() {
    let dir = tempfile::tempdir().unwrap();
    for text in ["", "{", "[]", "{\"wasm_hash\":7}", "{\"wasm_hash\":\"abc\"}", "{\"wasm_hash\":\"\u{1b}\"}"]
    {
        good_capsule(dir.path());
        write(dir.path(), "meta.json", text);
        run(dir.path(), &["check", "."]).refused(1, &["./meta.json", "wasm_hash", "64 lowercase hex digits"]);
    }
    std::fs::remove_file(dir.path().join("meta.json")).unwrap();
    std::fs::create_dir(dir.path().join("meta.json")).unwrap();
    run(dir.path(), &["check", "."]).refused(1, &["./meta.json", "is not a regular file"]);
}

// engines case 12
#[test]
fn an_import_that_the_host_lacks_is_refused_with_what_it_has() {
    let dir = tempfile::tempdir().unwrap();
    with_component(dir.path(), &component("wasi:cli/environment@0.2.3"));
    run(dir.path(), &["check", "."])
        .refused(1, &["wasi:cli/environment@0.2.3", "astrid:kv@1.0.0", "capsule SDK"]);
    with_component(dir.path(), &component("astrid:ipc/host@9.0.0"));
    run(dir.path(), &["check", "."]).refused(1, &["astrid:ipc/host@9.0.0", "allowed: astrid:ipc@1.0.0"]);
}

// engines case 11
#[test]
fn a_component_that_is_none_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    with_component(dir.path(), &wat::parse_str("(module)").unwrap());
    run(dir.path(), &["check", "."]).refused(1, &["./fixture.wasm", "core module"]);
    with_component(dir.path(), b"hello");
    run(dir.path(), &["check", "."]).refused(1, &["./fixture.wasm", "is not a WebAssembly binary"]);
    let whole = component("astrid:kv/host@1.0.0");
    with_component(dir.path(), &whole[..whole.len() - 3]);
    run(dir.path(), &["check", "."]).refused(1, &["./fixture.wasm", "damaged"]);
}

// guest case 2
#[test]
fn an_export_of_the_wrong_type_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let text = r#"(component
        (core module $m (func (export "run") (result i32) i32.const 0))
        (core instance $i (instantiate $m))
        (func (export "run") (result u32) (canon lift (core func $i "run"))))"#;
    with_component(dir.path(), &wat::parse_str(text).unwrap());
    run(dir.path(), &["check", "."])
        .refused(1, &["./fixture.wasm", "export run has the wrong type", "u32", "func()"]);
}

#[test]
fn a_handler_without_the_export_that_serves_it_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    good_capsule(dir.path());
    let bound = "[subscribe]\n\"a.v1.b\" = { wit = \"opaque\", handler = \"b\" }\n";
    write(dir.path(), "Capsule.toml", format!("{MANIFEST}\n{bound}"));
    run(dir.path(), &["check", "."]).refused(1, &["./fixture.wasm", "astrid-hook-trigger", "a.v1.b"]);
}

#[test]
fn every_file_that_the_manifest_names_has_to_be_there() {
    let dir = tempfile::tempdir().unwrap();
    good_capsule(dir.path());
    let named = "[[context_file]]\nname = \"a\"\nfile = \"a.md\"\n\n[[skill]]\nname = \"b\"\nfile = \"b\"\n";
    write(dir.path(), "Capsule.toml", format!("{MANIFEST}\n{named}"));
    let ended = run(dir.path(), &["check", "."]);
    ended.refused_lines(1, 2);
    assert!(ended.stderr.contains("[context_file[0].file] a.md is not there"), "{}", ended.stderr);
    write(dir.path(), "a.md", "");
    write(dir.path(), "b/SKILL.md", "");
    run(dir.path(), &["check", "."]).good();
}

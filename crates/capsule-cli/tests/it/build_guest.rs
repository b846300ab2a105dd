//! `capsule build` from end to end, on the published SDK.
//!
//! NEEDS THE REGISTRY: cargo has to have, or to be able to fetch, what `examples/notes/Cargo.lock` names. The guests
//! are compiled into one directory that stays between runs, so that only the first run takes long.

use std::path::{Path, PathBuf};

use crate::support::{Ended, capsule, ended, names, run, write};
use serde_json::Value;

const NOTES_IMPORTS: [&str; 5] = [
    "astrid:fs/host@1.0.0",
    "astrid:ipc/host@1.0.0",
    "astrid:kv/host@1.0.0",
    "astrid:sys/host@1.0.0",
    "astrid:guest/lifecycle@1.0.0",
];

fn notes() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/notes")
}

fn copy_of_notes(to: &Path) {
    for file in ["Capsule.toml", "Cargo.toml", "Cargo.lock", "src/lib.rs", "src/export.rs", "src/store.rs"] {
        write(to, file, std::fs::read(notes().join(file)).unwrap());
    }
}

/// Builds `dir` from where it is itself.
fn build(dir: &Path, variables: &[(&str, &str)]) -> Ended {
    build_from(dir, ".", variables)
}

/// Builds the capsule `path` from `dir`, with the shared guests as a target directory that is relative to `dir`.
fn build_from(dir: &Path, path: &str, variables: &[(&str, &str)]) -> Ended {
    let guests = Path::new(env!("CARGO_TARGET_TMPDIR")).join("guests");
    std::fs::create_dir_all(&guests).unwrap();
    std::os::unix::fs::symlink(guests, dir.join("made")).unwrap();
    let mut command = capsule(dir, &["build", path]);
    command.env("CARGO_TARGET_DIR", "made").envs(variables.iter().copied());
    ended(command)
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

#[test]
fn notes_builds_without_a_cargo_configuration_and_is_good() {
    let dir = tempfile::tempdir().unwrap();
    copy_of_notes(dir.path());
    let said = build(dir.path(), &[]).good();
    assert_eq!(
        names(dir.path()),
        ["Capsule.toml", "Cargo.lock", "Cargo.toml", "made", "meta.json", "notes.wasm", "src"]
    );

    let hash = blake3::hash(&std::fs::read(dir.path().join("notes.wasm")).unwrap()).to_hex().to_string();
    assert!(said.contains(&hash), "{said}");
    assert_eq!(json(&dir.path().join("meta.json"))["wasm_hash"], hash);
    assert_eq!(json(&dir.path().join("meta.json"))["version"], "0.1.0");

    let seen: Value = serde_json::from_str(&run(dir.path(), &["inspect", ".", "--json"]).good()).unwrap();
    let imports: Vec<_> = seen["component"]["imports"].as_array().unwrap().iter().collect();
    assert_eq!(imports.iter().map(|import| &import["name"]).collect::<Vec<_>>(), NOTES_IMPORTS);
    assert!(imports.iter().all(|import| import["offered"] == true), "{imports:?}");
    assert_eq!(seen["component"]["exports"]["astrid-hook-trigger"], "real");
    for stub in ["run", "astrid-install", "astrid-upgrade"] {
        assert_ne!(seen["component"]["exports"][stub], "absent", "the SDK exports all four");
    }
    assert_eq!(seen["component"]["exports"]["run"], "stub");
    run(dir.path(), &["check", "."]).good();
}

#[test]
fn notes_are_exported_to_the_one_file_that_the_manifest_grants() {
    let dir = tempfile::tempdir().unwrap();
    let (capsule, work) = (dir.path().join("notes"), dir.path().join("work"));
    copy_of_notes(&capsule);
    build(&capsule, &[]).good();
    std::fs::create_dir(&work).unwrap();
    let tool = |name: &str, arguments: &str| {
        let topic = format!("tool.v1.execute.{name}");
        let call = format!(
            r#"{topic}={{"type":"tool_execute_request","call_id":"1","tool_name":"{name}","arguments":{arguments}}}"#
        );
        let place = ["run", "notes", "--home", "home", "--workspace", "work"];
        let answer = format!("{topic}.result");
        run(dir.path(), &[&place[..], &["--publish", &call, "--expect", &answer]].concat()).good()
    };
    tool("add_note", r#"{"text":"buy milk"}"#);
    tool("add_note", r#"{"text":"call\nmother"}"#);
    let said = tool("export_notes", "{}");
    assert!(said.contains("workspace://notes.md"), "{said}");
    let exported = std::fs::read_to_string(work.join("notes.md")).unwrap();
    assert_eq!(exported, "# Notes\n\n1. buy milk\n2. call\n   mother\n");
    assert_eq!(names(&work), ["notes.md"]);
}

#[test]
fn flags_of_the_environment_and_of_the_crate_are_kept() {
    // `--cfg` of a name that the code insists on: without it, it does not compile.
    let insist = "#[cfg(not(kept))]\ncompile_error!(\"a flag was lost\");\n";
    let own = |dir: &Path, config: &str| {
        copy_of_notes(dir);
        let code = std::fs::read_to_string(dir.join("src/lib.rs")).unwrap();
        write(dir, "src/lib.rs", format!("{code}\n{insist}"));
        write(dir, ".cargo/config.toml", config);
    };
    let [of_variable, of_target, of_build] = [(); 3].map(|()| tempfile::tempdir().unwrap());
    own(of_variable.path(), "");
    build(of_variable.path(), &[("RUSTFLAGS", "--cfg kept")]).good();
    // A string, to which cargo would add no list.
    own(of_target.path(), "[target.wasm32-unknown-unknown]\nrustflags = \"--cfg kept\"\n");
    build(of_target.path(), &[]).good();
    own(of_build.path(), "[build]\nrustflags = [\"--cfg\", \"kept\"]\n");
    build(of_build.path(), &[]).good();
}

#[test]
fn a_build_that_the_manifest_pins_otherwise_is_refused_and_writes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    copy_of_notes(dir.path());
    let manifest = std::fs::read_to_string(dir.path().join("Capsule.toml")).unwrap();
    let pin = format!("type = \"executable\"\nhash = \"{}\"", "0".repeat(64));
    write(dir.path(), "Capsule.toml", manifest.replace("type = \"executable\"", &pin));
    build(dir.path(), &[]).refused(1, &["./Capsule.toml", "[component.hash]", "the hash of the build"]);
    assert!(!dir.path().join("notes.wasm").exists() && !dir.path().join("meta.json").exists());
}

#[test]
fn a_new_capsule_builds_at_once_and_is_good() {
    let above = tempfile::tempdir().unwrap();
    // By this name it has the packages of the committed lock file, so that no index has to be fetched.
    run(above.path(), &["new", "notes"]).good();
    let dir = above.path().join("notes");
    write(&dir, "Cargo.lock", std::fs::read(notes().join("Cargo.lock")).unwrap());
    build_from(above.path(), "notes", &[]).good();
    assert_eq!(names(&dir).iter().filter(|name| ["made", "target"].contains(&name.as_str())).count(), 0);
    assert_eq!(run(&dir, &["check", "."]).good(), ".: notes 0.1.0 is good\n");
}

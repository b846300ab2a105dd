//! `capsule inspect`.

use crate::support::{MANIFEST, component, good_capsule, run, write};
use serde_json::{Value, json};

#[test]
fn a_component_shows_imports_exports_size_and_hash() {
    let dir = tempfile::tempdir().unwrap();
    let bytes = component("astrid:teleport/host@1.0.0");
    write(dir.path(), "a.wasm", &bytes);
    let said = run(dir.path(), &["inspect", "a.wasm"]).good();
    let hash = blake3::hash(&bytes).to_hex();
    for part in [
        "a.wasm",
        &format!("{} bytes", bytes.len()),
        hash.as_str(),
        "astrid:teleport/host@1.0.0",
        "not offered",
    ] {
        assert!(said.contains(part), "{part} is missing in {said}");
    }
    let lines: Vec<_> = said.lines().map(|line| line.split_whitespace().collect::<Vec<_>>()).collect();
    assert!(lines.contains(&vec!["run", "real"]), "{said}");
    assert!(lines.contains(&vec!["astrid-hook-trigger", "absent"]), "{said}");
}

#[test]
fn json_says_what_the_text_says() {
    let dir = tempfile::tempdir().unwrap();
    good_capsule(dir.path());
    let said: Value = serde_json::from_str(&run(dir.path(), &["inspect", ".", "--json"]).good()).unwrap();
    let import = json!({
        "name": "astrid:kv/host@1.0.0", "package": "astrid:kv", "version": "1.0.0",
        "offered": true, "offered_versions": ["1.0.0"],
    });
    assert_eq!(said["component"]["imports"], json!([import]));
    let exports = json!({
        "astrid-hook-trigger": "absent", "run": "real", "astrid-install": "absent", "astrid-upgrade": "absent",
    });
    assert_eq!(said["component"]["exports"], exports);
    assert_eq!(said["component"]["blake3"], said["component"]["recorded_blake3"]);
    assert_eq!(said["manifest"]["name"], "fixture");
    assert_eq!(said["manifest"]["version"], "1.2.3");
}

#[test]
fn exports_that_share_an_empty_body_are_stubs() {
    let dir = tempfile::tempdir().unwrap();
    let text = r#"(component
        (core module $m (func (export "run") (export "astrid-install")))
        (core instance $i (instantiate $m))
        (func (export "run") (canon lift (core func $i "run")))
        (func (export "astrid-install") (canon lift (core func $i "astrid-install"))))"#;
    write(dir.path(), "a.wasm", wat::parse_str(text).unwrap());
    let said: Value =
        serde_json::from_str(&run(dir.path(), &["inspect", "a.wasm", "--json"]).good()).unwrap();
    assert_eq!(said["component"]["exports"]["run"], "stub");
    assert_eq!(said["component"]["exports"]["astrid-install"], "stub");
}

#[test]
fn a_file_that_is_no_component_is_named_with_what_it_is() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "module.wasm", wat::parse_str("(module)").unwrap());
    write(dir.path(), "text.wasm", "hello");
    write(dir.path(), "empty.wasm", "");
    write(dir.path(), "magic.wasm", b"\0asm");
    write(dir.path(), "version.wasm", b"\0asm\x63\0\x01\0");
    let inspect = |name| run(dir.path(), &["inspect", name]);
    inspect("module.wasm").refused(1, &["module.wasm", "core module", "allowed: a WebAssembly component"]);
    inspect("text.wasm")
        .refused(1, &["text.wasm", "is not a WebAssembly binary", "allowed: a WebAssembly component"]);
    inspect("empty.wasm").refused(1, &["empty.wasm", "is not a WebAssembly binary"]);
    inspect("magic.wasm").refused(1, &["magic.wasm", "damaged"]);
    inspect("version.wasm").refused(1, &["version.wasm", "damaged"]);
    inspect("missing.wasm").refused(1, &["missing.wasm", "cannot be read"]);
    inspect("/dev/null").refused(1, &["/dev/null", "is not a regular file"]);
}

#[test]
fn a_component_cut_anywhere_is_damaged() {
    let dir = tempfile::tempdir().unwrap();
    let whole = component("astrid:kv/host@1.0.0");
    // From 8 bytes on the kind of file is known; every fifth place keeps the test short.
    for length in (8..whole.len()).step_by(5) {
        write(dir.path(), "cut.wasm", &whole[..length]);
        let ended = run(dir.path(), &["inspect", "cut.wasm"]);
        // A cut between two sections leaves a smaller component that is whole.
        if ended.code != Some(0) {
            ended.refused(1, &["cut.wasm", "damaged"]);
        }
    }
}

#[test]
fn a_file_over_64_mib_is_refused_by_its_size() {
    let dir = tempfile::tempdir().unwrap();
    let file = std::fs::File::create(dir.path().join("big.wasm")).unwrap();
    file.set_len(64 * 1024 * 1024 + 1).unwrap();
    run(dir.path(), &["inspect", "big.wasm"]).refused(1, &["big.wasm", "67108865 bytes", "at most 67108864"]);
}

#[test]
fn a_directory_that_is_no_capsule_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    run(dir.path(), &["inspect", "."]).refused(1, &["is no capsule", "Capsule.toml"]);
    write(dir.path(), "Capsule.toml", "[package");
    run(dir.path(), &["inspect", "."]).refused(1, &["./Capsule.toml:1:"]);
    write(dir.path(), "Capsule.toml", MANIFEST);
    run(dir.path(), &["inspect", "."]).refused(1, &["./fixture.wasm", "is not there", "capsule build"]);
}

#[test]
fn what_is_merely_odd_is_a_warning() {
    let dir = tempfile::tempdir().unwrap();
    good_capsule(dir.path());
    write(dir.path(), "Capsule.toml", format!("colour = \"red\"\n{MANIFEST}"));
    let ended = run(dir.path(), &["inspect", "."]);
    assert!(ended.stderr.starts_with("warning: ./Capsule.toml:1: "), "{}", ended.stderr);
    ended.good();
}

#[test]
fn a_hostile_name_reaches_the_terminal_escaped() {
    let dir = tempfile::tempdir().unwrap();
    write(
        dir.path(),
        "Capsule.toml",
        "[package]\nname = \"a\"\nversion = \"1.0.0\"\ndescription = \"\\u001b[2Jx\\ny\"\n",
    );
    let said = run(dir.path(), &["inspect", "."]).good();
    assert!(said.contains("\\u{1b}[2Jx y") && !said.contains('\u{1b}'), "{said}");
}

// approval §2.5
#[test]
fn a_manifest_that_lets_its_capsule_answer_prompts_says_so() {
    let dir = tempfile::tempdir().unwrap();
    good_capsule(dir.path());
    for (key, answers) in [
        ("astrid.v1.approval.response.*", true),
        ("astrid.v1.*", true),
        ("astrid.*.approval.response.*", true),
        ("astrid.v1.approval.other.*", false),
        ("client.v1.*", false),
    ] {
        let manifest = format!("{MANIFEST}\n[publish]\n{key:?} = \"opaque\"\n");
        write(dir.path(), "Capsule.toml", manifest);
        let text = run(dir.path(), &["inspect", "."]).good();
        assert_eq!(text.contains("may answer approval prompts"), answers, "{key}: {text}");
        let said: Value = serde_json::from_str(&run(dir.path(), &["inspect", ".", "--json"]).good()).unwrap();
        assert_eq!(said["manifest"]["answers_approval_prompts"], answers, "{key}");
    }
}

//! Everything a user can get wrong in what `capsule run` reads: one line that names the file and the key and
//! what would be accepted, code 1, and nothing half-written.

use std::path::Path;
use std::process::Stdio;

use crate::support::place::Place;
use crate::support::{capsule, component, run, write};

const CALL: [&str; 2] = ["--call", "probe:echo={}"];

/// Puts this in the place of the component, with the record that a build would have left.
fn replace(place: &Place, bytes: &[u8]) {
    write(place.path(), "probe/probe.wasm", bytes);
    let hash = blake3::hash(bytes).to_hex();
    write(place.path(), "probe/meta.json", format!("{{\"wasm_hash\":\"{hash}\"}}"));
}

fn compiled(place: &Place) -> Vec<std::path::PathBuf> {
    let components = place.home().join("cache/components");
    let Ok(kinds) = std::fs::read_dir(&components) else { return Vec::new() };
    let entries = kinds.flat_map(|kind| std::fs::read_dir(kind.unwrap().path()).unwrap());
    entries.map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn every_file_that_is_no_capsules_component_is_named_with_what_would_be() {
    let wat = |text: &str| wat::parse_str(text).unwrap();
    let whole = component("astrid:kv/host@1.0.0");
    let needing =
        |import: &str| wat(&format!("(component (import {import:?} (instance (export \"f\" (func)))))"));
    let hook = wat(r#"(component
        (core module $m (func (export "run") (result i32) i32.const 0))
        (core instance $i (instantiate $m))
        (func (export "run") (result u32) (canon lift (core func $i "run"))))"#);
    let starts = wat(r#"(component
        (core module $m (func $start unreachable) (start $start))
        (core instance $i (instantiate $m)))"#);
    for (what, bytes, said) in [
        ("core module", wat("(module)"), &["probe.wasm", "core module"][..]),
        ("text", b"hello".to_vec(), &["probe.wasm", "not a WebAssembly binary"]),
        ("empty", Vec::new(), &["probe.wasm", "not a WebAssembly binary"]),
        ("truncated", whole[..whole.len() - 3].to_vec(), &["component"]),
        (
            "wasi import",
            needing("wasi:cli/environment@0.2.3"),
            &["wasi:cli/environment@0.2.3", "capsule SDK"],
        ),
        (
            "version",
            needing("astrid:ipc/host@9.0.0"),
            &["astrid:ipc/host@9.0.0", "offers astrid:ipc in version 1.0.0"],
        ),
        ("unknown function", needing("astrid:kv/host@1.0.0"), &["astrid:kv/host@1.0.0"]),
        ("unknown package", needing("other:thing/host@1.0.0"), &["other:thing/host@1.0.0", "does not offer"]),
        ("export type", hook, &["export run has the wrong type", "u32"]),
        ("no handler", whole.clone(), &["probe.v1.", "astrid-hook-trigger"]),
        ("start traps", starts, &["component does not start"]),
    ] {
        let place = Place::new();
        replace(&place, &bytes);
        if what != "no handler" {
            let manifest =
                "[package]\nname = \"probe\"\nversion = \"1.0.0\"\n[[component]]\nfile = \"probe.wasm\"\n";
            write(place.path(), "probe/Capsule.toml", manifest);
        }
        println!("{what}");
        place
            .run(&["--timeout", "5", "--expect", "a.b"])
            .refused(1, &[&["capsule 'probe': "], said].concat());
    }
}

#[test]
fn a_component_that_is_gone_or_no_file_is_named() {
    let place = Place::new();
    std::fs::remove_file(place.path().join("probe/probe.wasm")).unwrap();
    place.run(&CALL).refused(1, &["probe/probe.wasm"]);
    std::fs::create_dir(place.path().join("probe/probe.wasm")).unwrap();
    place.run(&CALL).refused(1, &["probe/probe.wasm"]);
    write(place.path(), "file", "");
    run(place.path(), &["run", "file", "--home", "home"]).refused(1, &["file"]);
    assert!(compiled(&place).is_empty());
}

#[test]
fn a_wrong_manifest_is_named_with_its_line_its_key_and_what_is_allowed() {
    const HEAD: &str = "[package]\nname = \"probe\"\nversion = \"1.0.0\"\n";
    for (text, said) in [
        ("[package\n".to_owned(), &["Capsule.toml:1"][..]),
        ("[package]\nname = 1\nversion = \"1.0.0\"\n".to_owned(), &["Capsule.toml:2", "name"]),
        ("[package]\nname = \"Up Per\"\nversion = \"1.0.0\"\n".to_owned(), &["Capsule.toml:2", "name"]),
        ("[package]\nname = \"probe\"\n".to_owned(), &["Capsule.toml", "version"]),
        ("[package]\nname = \"probe\"\nversion = \"one\"\n".to_owned(), &["Capsule.toml:3", "version"]),
        (format!("{HEAD}[[component]]\nfil = \"probe.wasm\"\n"), &["Capsule.toml", "file"]),
        (format!("{HEAD}[[component]]\nfile = \"../probe.wasm\"\n"), &["Capsule.toml", "../probe.wasm"]),
        (format!("{HEAD}[subscribe]\n\"a..b\" = \"opaque\"\n"), &["Capsule.toml:5", "a..b"]),
        (format!("{HEAD}[capabilities]\nnet = \"host\"\n"), &["Capsule.toml:5", "net"]),
        (format!("{HEAD}[capabilities]\nhost_process = [\"\"]\n"), &["Capsule.toml:5", "host_process"]),
    ] {
        let place = Place::new();
        write(place.path(), "probe/Capsule.toml", &text);
        println!("{text}");
        place.run(&["--timeout", "5", "--expect", "a.b"]).refused(1, said);
        assert!(compiled(&place).is_empty(), "{text}");
    }
}

// engines case 6
#[test]
fn a_corrupt_cache_entry_is_compiled_around_and_replaced() {
    let place = Place::new();
    assert_eq!(place.run(&CALL).good(), "{}\n");
    let code = |path: &Path| path.extension().is_some_and(|kind| kind == "cwasm");
    let entry = compiled(&place).into_iter().find(|path| code(path)).unwrap();
    let whole = std::fs::read(&entry).unwrap();
    for damaged in [b"garbage".to_vec(), whole[..whole.len() / 2].to_vec(), Vec::new()] {
        std::fs::write(&entry, damaged).unwrap();
        let ended = place.run(&[&["--timings"], &CALL[..]].concat());
        assert!(ended.stderr.contains("\"compile\""), "{}", ended.stderr);
        assert_eq!(ended.good(), "{}\n");
        assert_eq!(std::fs::read(&entry).unwrap().len(), whole.len());
    }
}

#[test]
fn a_corrupt_store_is_refused_by_name_and_left_alone() {
    let place = Place::new();
    assert_eq!(place.run(&CALL).good(), "{}\n");
    let data = place.home().join("state/kv/data");
    let garbage = vec![0xa5; 1 << 20];
    std::fs::write(&data, &garbage).unwrap();
    place.run(&CALL).refused(1, &["home/state/kv"]);
    assert_eq!(std::fs::read(&data).unwrap(), garbage);
}

// kv case 43
#[test]
fn a_store_that_another_host_has_open_is_refused_with_its_lock() {
    let place = Place::new();
    let mut first = capsule(place.path(), &["run", "probe", "--home", "home", "--listen"]);
    let mut first = first.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let mut said = std::io::BufReader::new(first.stderr.take().unwrap());
    let mut line = String::new();
    while !line.starts_with("probe ready") {
        line.clear();
        assert_ne!(std::io::BufRead::read_line(&mut said, &mut line).unwrap(), 0, "the run ended");
    }
    place.run(&CALL).refused(1, &["home/state/kv/lock", "another process"]);
    first.kill().unwrap();
    first.wait().unwrap();
    assert_eq!(place.run(&CALL).good(), "{}\n");
}

#[test]
fn a_home_that_cannot_be_written_is_named() {
    let place = Place::new();
    // Nobody can make anything in there, not even root.
    for home in ["/proc/home", "/proc/self/fdinfo"] {
        run(place.path(), &[&["run", "probe", "--home", home], &CALL[..]].concat()).refused(1, &[home]);
    }
}

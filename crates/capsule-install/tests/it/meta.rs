//! Reading and writing `meta.json`.

use std::path::Path;

use astrid_capsule_install::{Code, MAX_META_BYTES, Meta};
use astrid_capsule_manifest::parse_manifest;

use crate::support::{files, write};

#[test]
fn a_record_reads_as_it_was_written_and_unknown_keys_are_ignored() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(Meta::read(dir.path()).unwrap(), None);
    let text = "[package]\nname = \"a\"\nversion = \"1.2.3\"\n[imports.astrid]\nllm = \"^1.0\"\n[exports]\n\
                \"acme:store\" = \"1.0.0\"\n[capabilities]\nnet = [\"x.io\"]\nbind_workers = 2\n";
    let manifest = parse_manifest(text, Path::new("Capsule.toml")).unwrap().0;
    let mut meta = Meta::of(&manifest, Some(&"a".repeat(64)));
    meta.approved_capabilities = Some(manifest.capabilities);
    meta.wit_files.insert("x".to_owned(), "b".repeat(64));
    meta.signer = Some("me".to_owned());
    meta.write(dir.path()).unwrap();
    assert_eq!(Meta::read(dir.path()).unwrap(), Some(meta.clone()));
    assert_eq!(files(dir.path()).len(), 1, "no temporary file is left");

    let mut value = Meta::read_object(dir.path()).unwrap();
    assert_eq!(value["imports"]["astrid"]["llm"], "^1.0");
    assert_eq!(value["exports"]["acme"]["store"], "1.0.0");
    value.insert("tools".to_owned(), serde_json::json!([1, 2]));
    value.insert("source".to_owned(), serde_json::Value::Null);
    write(dir.path(), "meta.json", serde_json::to_vec(&value).unwrap());
    assert_eq!(Meta::read(dir.path()).unwrap(), Some(meta));
}

#[test]
fn a_key_that_holds_something_else_is_refused_with_file_key_and_what_is_allowed() {
    let dir = tempfile::tempdir().unwrap();
    for (text, key, allowed) in [
        ("{\"wasm_hash\":7}", "[wasm_hash]", "64 lowercase hex digits"),
        ("{\"wasm_hash\":\"ABC\"}", "[wasm_hash]", "64 lowercase hex digits"),
        ("{\"version\":1}", "[version]", "a text"),
        ("{\"wit_files\":{\"x\":\"../../y\"}}", "[wit_files.x]", "64 lowercase hex digits"),
        ("{\"imports\":{\"astrid\":\"1\"}}", "[imports]", "by namespace and interface"),
        (
            "{\"approved_capabilities\":{\"net\":true}}",
            "[approved_capabilities]",
            "[capabilities] in Capsule.toml",
        ),
        ("[]", "meta.json", "a JSON object"),
        ("", "meta.json", "a JSON object"),
    ] {
        write(dir.path(), "meta.json", text);
        let error = Meta::read(dir.path()).unwrap_err();
        assert_eq!(error.code(), Code::Meta);
        let shown = error.to_string();
        assert!(shown.starts_with(&*dir.path().join("meta.json").to_string_lossy()), "{shown}");
        assert!(shown.contains(key) && shown.contains(allowed), "{shown}");
    }
}

#[test]
fn what_is_no_file_or_too_large_for_a_record_is_not_read() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("meta.json");
    rustix::fs::mkfifoat(rustix::fs::CWD, &path, rustix::fs::Mode::RWXU).unwrap();
    assert!(Meta::read(dir.path()).unwrap_err().to_string().contains("is not a regular file"));
    std::fs::remove_file(&path).unwrap();
    std::fs::create_dir(&path).unwrap();
    assert!(Meta::read(dir.path()).unwrap_err().to_string().contains("is not a regular file"));
    std::fs::remove_dir(&path).unwrap();
    std::fs::File::create(&path).unwrap().set_len(MAX_META_BYTES + 1).unwrap();
    assert!(Meta::read(dir.path()).unwrap_err().to_string().contains("is larger than"));
    assert_eq!(Meta::read_object(dir.path()), None);
}

//! What goes into the stores.

use astrid_capsule_install::{Code, Contents, Package};

use crate::support::{install, place, source, state, write};

#[test]
fn a_pin_that_does_not_fit_is_refused_before_anything_is_written() {
    let (work, home) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let dir = source(work.path(), "1.0.0");
    let text = std::fs::read_to_string(dir.join("Capsule.toml")).unwrap();
    write(&dir, "Capsule.toml", format!("{text}hash = \"{}\"\n", "a".repeat(64)));
    let error = install(home.path(), &dir).unwrap_err();
    assert_eq!(error.code(), Code::Integrity, "{error}");
    assert!(error.to_string().contains("notes.wasm"), "{error}");
    assert!(state(home.path()).is_empty());
}

#[test]
fn libraries_are_stored_and_what_was_compiled_is_what_is_stored() {
    let (work, home) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let dir = source(work.path(), "1.0.0");
    let text = std::fs::read_to_string(dir.join("Capsule.toml")).unwrap();
    write(
        &dir,
        "Capsule.toml",
        format!("{text}[[component]]\nid = \"l\"\ntype = \"library\"\nfile = \"lib/l.wasm\"\n"),
    );
    write(&dir, "lib/l.wasm", "library");
    let package = Package::open(&dir, home.path(), "alice").unwrap();
    let contents = Contents::read(&dir, &package.manifest, Some(b"what was compiled")).unwrap();
    assert_eq!(contents.program.unwrap().bytes(), b"what was compiled");
    assert_eq!(contents.libraries["lib/l.wasm"].bytes(), b"library");

    install(home.path(), &dir).unwrap();
    let meta = astrid_capsule_install::Meta::read(&place(home.path()).target()).unwrap().unwrap();
    let hash = blake3::hash(b"library").to_hex().to_string();
    assert_eq!(meta.library_hashes["lib/l.wasm"], hash);
    assert!(home.path().join(format!("bin/{hash}.wasm")).is_file());
}

#[test]
fn a_stored_file_that_was_changed_is_written_again() {
    let (work, home) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let dir = source(work.path(), "1.0.0");
    let stored = format!("bin/{}.wasm", blake3::hash(b"component 1.0.0").to_hex());
    write(home.path(), &stored, "something else");
    install(home.path(), &dir).unwrap();
    assert_eq!(std::fs::read(home.path().join(stored)).unwrap(), b"component 1.0.0");
}

#[test]
fn two_interfaces_of_one_name_and_an_absolute_component_are_refused() {
    let (work, home) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let dir = source(work.path(), "1.0.0");
    write(&dir, "wit/deps/acme.x.wit", "a");
    write(&dir, "wit/deps/acme/x.wit", "b");
    let error = install(home.path(), &dir).unwrap_err();
    assert!(error.to_string().contains("deps.acme.x"), "{error}");
    let text = "[package]\nname = \"notes\"\nversion = \"1.0.0\"\n[[component]]\nfile = \"/bin/sh\"\n";
    write(&dir, "Capsule.toml", text);
    let error = install(home.path(), &dir).unwrap_err();
    assert_eq!(error.code(), Code::BadEntry, "{error}");
    assert!(error.to_string().contains("/bin/sh"), "{error}");
}

#[test]
fn what_is_neither_a_directory_nor_a_file_says_what_is_accepted() {
    let home = tempfile::tempdir().unwrap();
    for source in
        ["/dev/null", "/nowhere/at/all", "@acme/notes@1.0", "https://acme.io/notes", "git@acme.io:notes"]
    {
        let error = Package::open(source.as_ref(), home.path(), "alice").unwrap_err();
        assert_eq!(error.code(), Code::BadSource, "{source}: {error}");
        let is_reference = error.to_string().contains("reference to a registry or repository");
        assert_eq!(is_reference, !source.starts_with('/'), "{error}");
    }
}

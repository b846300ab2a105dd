//! `capsule new`.

use crate::support::{names, run, write};

#[test]
fn a_new_capsule_has_a_manifest_a_crate_and_nothing_beside_it() {
    let dir = tempfile::tempdir().unwrap();
    let said = run(dir.path(), &["new", "my-capsule"]).good();
    assert!(said.contains("capsule build my-capsule"), "{said}");
    assert_eq!(names(dir.path()), ["my-capsule"]);
    let made = dir.path().join("my-capsule");
    assert_eq!(names(&made), [".cargo", ".gitignore", "Capsule.toml", "Cargo.toml", "README.md", "src"]);
    for file in ["Capsule.toml", "Cargo.toml", "README.md"] {
        let text = std::fs::read_to_string(made.join(file)).unwrap();
        assert!(text.contains("my-capsule") && !text.contains("{{"), "{file}: {text}");
    }
    // Nothing is built yet, and nothing else is wrong.
    run(&made, &["check", "."]).refused(1, &["my-capsule.wasm", "is not there", "capsule build"]);
}

#[test]
fn a_name_that_is_no_capsule_id_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let long = "a".repeat(65);
    for name in ["My_Cap", "", "a/b", "..", "a b", "ä", "a\nb", &long] {
        run(dir.path(), &["new", name])
            .refused(1, &["NAME: capsule id", "lowercase letters, digits and hyphens"]);
    }
    assert_eq!(names(dir.path()), [] as [&str; 0]);
}

#[test]
fn what_is_there_already_is_left_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "full/mine", "1");
    write(dir.path(), "file", "2");
    std::fs::create_dir(dir.path().join("empty")).unwrap();
    std::os::unix::fs::symlink("nowhere", dir.path().join("link")).unwrap();
    for name in ["full", "file", "empty", "link"] {
        run(dir.path(), &["new", name]).refused(1, &[name, "is there already", "allowed:"]);
    }
    assert_eq!(names(dir.path()), ["empty", "file", "full", "link"]);
    assert_eq!(names(&dir.path().join("full")), ["mine"]);
    assert_eq!(names(&dir.path().join("empty")), [] as [&str; 0]);
}

#[test]
fn a_directory_that_cannot_be_written_is_named() {
    // Nobody can make a directory in there, not even root.
    let place = std::path::Path::new("/proc");
    run(place, &["new", "fixture"]).refused(1, &["fixture", "cannot be made"]);
}

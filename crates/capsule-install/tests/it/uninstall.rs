//! What is left when a capsule is taken out.

use astrid_capsule_install::{Code, Lock, Place, recover, uninstall};
use astrid_capsule_manifest::CapsuleId;

use crate::support::{install, place, source, state, write};

#[test]
fn nothing_of_a_removed_capsule_is_left_but_what_others_need() {
    let (work, home) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let dir = source(work.path(), "1.0.0");
    install(home.path(), &dir).unwrap();
    let alone = state(home.path());
    // Bob has the same build, and alice another capsule with one of the interfaces.
    let bob = Place::new(home.path(), "bob", &CapsuleId::parse("notes").unwrap()).unwrap();
    crate::crash::copy_all(&place(home.path()).target(), &bob.target());
    write(home.path(), "home/alice/.config/env/notes.env.json", "{}");

    uninstall(Lock::take(&place(home.path())).unwrap()).unwrap();
    let left = state(home.path());
    assert!(!left.keys().any(|name| name.starts_with("home/alice")), "{:?}", left.keys());
    let blobs = |files: &crate::support::Files| {
        files.keys().filter(|name| name.starts_with("bin/") || name.starts_with("wit/")).count()
    };
    assert_eq!(blobs(&left), blobs(&alone), "bob needs them");

    uninstall(Lock::take(&bob).unwrap()).unwrap();
    assert!(state(home.path()).is_empty(), "{:?}", state(home.path()).keys());
}

#[test]
fn an_interface_that_another_capsule_has_stays() {
    let (work, home) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    install(home.path(), &source(work.path(), "1.0.0")).unwrap();
    let other = Place::new(home.path(), "alice", &CapsuleId::parse("other").unwrap()).unwrap();
    write(&other.target(), "meta.json", format!("{{\"wit_files\":{{\"same\":\"{}\"}}}}", "a".repeat(64)));
    uninstall(Lock::take(&place(home.path())).unwrap()).unwrap();
    let wit: Vec<_> =
        state(home.path()).into_keys().filter(|name| name.starts_with("home/alice/wit")).collect();
    assert_eq!(wit, ["home/alice/wit/same.wit"]);
}

#[test]
fn a_removal_that_was_cut_short_is_completed_by_a_recovery() {
    let (work, home) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    install(home.path(), &source(work.path(), "1.0.0")).unwrap();
    write(home.path(), "home/alice/.config/env/notes.env.json", "{}");
    let capsules = home.path().join("home/alice/.local/capsules");
    std::fs::rename(capsules.join("notes"), capsules.join(".gone-notes")).unwrap();
    let found = recover(home.path());
    assert!(found.pending.is_empty() && found.problems.is_empty());
    assert!(state(home.path()).is_empty(), "{:?}", state(home.path()).keys());
}

#[test]
fn removing_what_is_not_installed_names_what_is() {
    let (work, home) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let error = uninstall(Lock::take(&place(home.path())).unwrap()).unwrap_err();
    assert_eq!(error.code(), Code::NotInstalled);
    assert!(error.to_string().contains("nothing is installed"), "{error}");
    install(home.path(), &source(work.path(), "1.0.0")).unwrap();
    let other = Place::new(home.path(), "alice", &CapsuleId::parse("other").unwrap()).unwrap();
    let error = uninstall(Lock::take(&other).unwrap()).unwrap_err();
    assert!(error.to_string().ends_with("allowed: notes"), "{error}");
}

/// A record that cannot be read might refer to anything.
#[test]
fn nothing_is_removed_from_the_stores_while_a_record_cannot_be_read() {
    let (work, home) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    install(home.path(), &source(work.path(), "1.0.0")).unwrap();
    write(home.path(), "home/carol/.local/capsules/broken/meta.json", "{");
    uninstall(Lock::take(&place(home.path())).unwrap()).unwrap();
    assert_eq!(std::fs::read_dir(home.path().join("bin")).unwrap().count(), 1);
}

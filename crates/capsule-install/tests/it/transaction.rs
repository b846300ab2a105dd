//! What an installation leaves, complete or not.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::sync::Arc;

use astrid_capsule_install::{Begun, Code, Contents, Done, Lock, Meta, Order, Package, Phase, Progress};

use crate::support::{files, install, install_with, place, source, state, write};

/// Fails after one step.
struct FailAfter(Done);

impl Progress for FailAfter {
    fn done(&self, step: Done) -> std::io::Result<()> {
        if step == self.0 { Err(std::io::Error::other("disk full")) } else { Ok(()) }
    }
}

#[test]
fn an_installation_has_what_belongs_to_the_capsule_and_nothing_else() {
    let (work, home) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let dir = source(work.path(), "1.0.0");
    write(&dir, "bin/run.sh", "#!/bin/sh");
    std::fs::set_permissions(dir.join("bin/run.sh"), PermissionsExt::from_mode(0o6777)).unwrap();
    install(home.path(), &dir).unwrap();

    let target = place(home.path()).target();
    let names: Vec<_> = files(&target).into_keys().collect();
    let expected =
        ["Capsule.toml", "bin/run.sh", "meta.json", "only-1.0.0.txt", "skills/one.md", "skills/target"];
    assert_eq!(names, expected);
    let mode = std::fs::metadata(target.join("bin/run.sh")).unwrap().permissions().mode();
    assert_eq!(mode & 0o7000, 0, "no set-user-id bit comes along");
    assert_eq!(mode & 0o111, 0o111, "what can be run still can");

    let program = blake3::hash(b"component 1.0.0").to_hex();
    let stored = home.path().join(format!("bin/{program}.wasm"));
    assert_eq!(std::fs::read(stored).unwrap(), b"component 1.0.0");
    let wit = blake3::hash(b"interface 1.0.0").to_hex();
    assert!(home.path().join(format!("wit/store/{wit}.wit")).is_file());
    assert_eq!(std::fs::read(home.path().join("home/alice/wit/notes.wit")).unwrap(), b"interface 1.0.0");
    assert!(home.path().join("home/alice/wit/deps.acme.only-1.0.0.wit").is_file());

    let meta = Meta::read(&target).unwrap().unwrap();
    assert_eq!((meta.version.as_str(), meta.wasm_hash.as_deref()), ("1.0.0", Some(program.as_str())));
    assert_eq!(meta.wit_files.len(), 3);
    assert_eq!(meta.source.as_deref(), dir.to_str());
    assert!(meta.installed_at.is_some() && meta.approved_capabilities.is_some());
}

#[test]
fn an_upgrade_leaves_nothing_that_only_the_old_version_had() {
    let (work, home, fresh) =
        (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    install(home.path(), &source(work.path(), "1.0.0")).unwrap();
    let first = Meta::read(&place(home.path()).target()).unwrap().unwrap();
    install(home.path(), &source(work.path(), "1.1.0")).unwrap();
    install(fresh.path(), &source(work.path(), "1.1.0")).unwrap();
    assert_eq!(state(home.path()), state(fresh.path()));
    assert_eq!(Meta::read(&place(home.path()).target()).unwrap().unwrap().installed_at, first.installed_at);
}

/// Lifecycle case 10, the files' half.
#[test]
fn whatever_step_fails_before_the_record_the_old_capsule_or_none_is_there() {
    let steps = Done::ALL.into_iter().take_while(|step| *step != Done::Meta);
    for step in steps {
        let (work, home) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let fail = || Arc::new(FailAfter(step));
        let error = install_with(home.path(), &source(work.path(), "1.0.0"), b"", b"", fail()).unwrap_err();
        assert!(error.to_string().contains("disk full"), "{error}");
        assert!(state(home.path()).is_empty(), "after {step}: {:?}", state(home.path()).keys());

        install(home.path(), &source(work.path(), "1.0.0")).unwrap();
        let before = state(home.path());
        install_with(home.path(), &source(work.path(), "1.1.0"), b"", b"", fail()).unwrap_err();
        assert_eq!(state(home.path()), before, "after {step}");
    }
}

#[test]
fn a_link_in_a_directory_is_refused_and_the_old_capsule_stays() {
    let (work, home) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    install(home.path(), &source(work.path(), "1.0.0")).unwrap();
    let before = state(home.path());
    for (name, to) in [("skills/passwd", "/etc/passwd"), ("data", "/tmp"), ("wit/x.wit", "/etc/passwd")] {
        let dir = source(&work.path().join(name), "1.1.0");
        symlink(to, dir.join(name)).unwrap();
        let undo: &[u8] = b"";
        let error = install_with(home.path(), &dir, undo, b"", Arc::new(())).unwrap_err();
        assert_eq!(error.code(), Code::BadEntry, "{error}");
        assert!(error.to_string().contains(name.rsplit('/').next().unwrap()), "{error}");
        assert_eq!(state(home.path()), before);
    }
    // What is left out may be anything.
    let dir = source(&work.path().join("linked"), "1.1.0");
    symlink("/tmp", dir.join("node_modules")).unwrap();
    symlink("/etc/passwd", dir.join("other.wasm")).unwrap();
    install(home.path(), &dir).unwrap();
}

#[test]
fn a_capsule_is_not_installed_from_where_it_is_installed_or_from_around_it() {
    let work = tempfile::tempdir().unwrap();
    let dir = source(work.path(), "1.0.0");
    // The host's directory within the project.
    let home = dir.join("home-of-host");
    std::fs::create_dir(&home).unwrap();
    let error = install_with(&home, &dir, b"", b"", Arc::new(())).unwrap_err();
    assert_eq!(error.code(), Code::BadSource, "{error}");
    assert!(state(&home).is_empty());

    let home = tempfile::tempdir().unwrap();
    std::fs::remove_dir_all(dir.join("home-of-host")).unwrap();
    install(home.path(), &dir).unwrap();
    let before = state(home.path());
    let target = place(home.path()).target();
    std::fs::write(target.join("notes.wasm"), "component 1.0.0").unwrap();
    let error = install_with(home.path(), &target, b"", b"", Arc::new(())).unwrap_err();
    assert_eq!(error.code(), Code::BadSource, "{error}");
    std::fs::remove_file(target.join("notes.wasm")).unwrap();
    assert_eq!(state(home.path()), before);
}

#[test]
fn a_pipe_in_a_directory_is_refused_without_waiting_for_a_writer() {
    let (work, home) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let dir = source(work.path(), "1.0.0");
    rustix::fs::mkfifoat(rustix::fs::CWD, dir.join("pipe"), rustix::fs::Mode::RWXU).unwrap();
    let error = install(home.path(), &dir).unwrap_err();
    assert!(error.to_string().contains("pipe"), "{error}");
}

#[test]
fn one_capsule_is_installed_once_at_a_time_and_another_beside_it() {
    let (work, home) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let held = Lock::take(&place(home.path())).unwrap();
    let error = install(home.path(), &source(work.path(), "1.0.0")).unwrap_err();
    assert_eq!(error.code(), Code::Busy, "{error}");
    let other = astrid_capsule_manifest::CapsuleId::parse("other").unwrap();
    Lock::take(&astrid_capsule_install::Place::new(home.path(), "alice", &other).unwrap()).unwrap();
    drop(held);
    install(home.path(), &source(work.path(), "1.0.0")).unwrap();
}

#[test]
fn a_principal_that_is_no_name_is_refused_before_anything_is_made() {
    let home = tempfile::tempdir().unwrap();
    let work = tempfile::tempdir().unwrap();
    for name in ["", "..", "a/b", "a\0", &"x".repeat(65)] {
        let error = Package::open(&source(work.path(), "1.0.0"), home.path(), name).unwrap_err();
        assert_eq!(error.code(), Code::BadPrincipal, "{error}");
    }
    assert!(files(home.path()).is_empty());
}

#[test]
fn interfaces_are_not_written_through_a_link_that_a_capsule_made() {
    let (work, home, outside) =
        (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    std::fs::create_dir_all(home.path().join("home/alice")).unwrap();
    symlink(outside.path(), home.path().join("home/alice/wit")).unwrap();
    let before = state(home.path());
    let error = install_with(home.path(), &source(work.path(), "1.0.0"), b"", b"", Arc::new(())).unwrap_err();
    assert!(error.to_string().contains("wit"), "{error}");
    assert_eq!(state(home.path()), before);
    assert!(files(outside.path()).is_empty());
}

#[test]
fn what_the_host_has_to_undo_is_kept_when_an_installation_is_only_dropped() {
    let (work, home) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let dir = source(work.path(), "1.0.0");
    let package = Package::open(&dir, home.path(), "alice").unwrap();
    let contents = Contents::read(&dir, &package.manifest, None).unwrap();
    let order = |undo: &[u8]| Order {
        phase: Phase::Install,
        from: None,
        to: "1.0.0".to_owned(),
        undo: undo.to_vec(),
    };
    let begin =
        |undo| Begun::new(Lock::take(&place(home.path())).unwrap(), order(undo), &contents, Arc::new(()));
    drop(begin(b"secrets").unwrap().place(&dir).unwrap());
    assert_eq!(begin(b"").unwrap_err().code(), Code::Unfinished);

    let pending = astrid_capsule_install::recover(home.path()).pending.pop().unwrap();
    assert_eq!((pending.undo(), pending.redo()), (Some(&b"secrets"[..]), None));
    pending.finish().unwrap();
    assert!(state(home.path()).is_empty());

    let pending = begin(b"more").unwrap().abort().unwrap();
    assert_eq!(pending.undo(), Some(&b"more"[..]));
    pending.finish().unwrap();
    assert!(state(home.path()).is_empty());
}

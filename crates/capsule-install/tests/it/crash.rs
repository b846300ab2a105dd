//! What a recovery makes of an installation that was cut off after any step.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use astrid_capsule_install::{Done, Lock, Progress, recover};

use crate::support::{files, install, install_with, place, source, state, write};

/// Copies everything, links included, as a power cut would leave it.
pub(crate) fn copy_all(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        match entry.file_type().unwrap() {
            kind if kind.is_dir() => copy_all(&from, &to),
            kind if kind.is_symlink() => {
                std::os::unix::fs::symlink(std::fs::read_link(&from).unwrap(), &to).unwrap();
            }
            _ => {
                std::fs::copy(&from, &to).unwrap();
            }
        }
    }
}

/// Copies the home after each step, as a crash at that moment would leave it.
struct Snapshots {
    home: PathBuf,
    into: PathBuf,
}

impl Progress for Snapshots {
    fn done(&self, step: Done) -> std::io::Result<()> {
        copy_all(&self.home, &self.into.join(step.to_string()));
        Ok(())
    }
}

fn recovered(home: &Path) -> (Option<Vec<u8>>, Option<Vec<u8>>) {
    let mut found = recover(home);
    assert!(found.problems.is_empty(), "{:?}", found.problems);
    let told = found.pending.pop().map(|pending| {
        let told = (pending.redo().map(<[u8]>::to_vec), pending.undo().map(<[u8]>::to_vec));
        pending.finish().unwrap();
        told
    });
    assert!(found.pending.is_empty());
    let again = recover(home);
    assert!(again.pending.is_empty() && again.problems.is_empty(), "a recovery has nothing to do twice");
    told.unwrap_or_default()
}

/// Lifecycle case 11, guest case 32: the files' half.
#[test]
fn a_crash_after_any_step_leaves_exactly_the_old_capsule_or_exactly_the_new_one() {
    for upgrade in [false, true] {
        let (work, home, shots) =
            (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        if upgrade {
            install(home.path(), &source(work.path(), "1.0.0")).unwrap();
        }
        let before = state(home.path());
        let snapshots = Snapshots { home: home.path().to_owned(), into: shots.path().to_owned() };
        install_with(home.path(), &source(work.path(), "1.1.0"), b"undo", b"redo", Arc::new(snapshots))
            .unwrap();
        let after = state(home.path());
        assert_ne!(before, after);

        for (at, step) in Done::ALL.into_iter().enumerate() {
            let home = shots.path().join(step.to_string());
            let told = recovered(&home);
            let committed = at >= Done::ALL.iter().position(|step| *step == Done::Meta).unwrap();
            let expected = if committed { &after } else { &before };
            assert_eq!(&state(&home), expected, "upgrade {upgrade}, after {step}");
            let (redo, undo) = told;
            match step {
                Done::Finished => assert_eq!((redo, undo), (None, None)),
                _ if committed => assert_eq!((redo.as_deref(), undo), (Some(&b"redo"[..]), None), "{step}"),
                _ => assert_eq!((redo, undo.as_deref()), (None, Some(&b"undo"[..])), "{step}"),
            }
            // And whatever it was, the next installation works.
            install(&home, &source(work.path(), "1.1.0")).unwrap();
            assert_eq!(state(&home), after, "again after {step}");
        }
    }
}

/// A recovery is cut short too: every prefix of its steps is one of the states above, except those within taking back.
#[test]
fn a_recovery_that_was_cut_short_is_completed_by_the_next() {
    let (work, home) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    install(home.path(), &source(work.path(), "1.0.0")).unwrap();
    let before = state(home.path());
    let shots = tempfile::tempdir().unwrap();
    let snapshots = Snapshots { home: home.path().to_owned(), into: shots.path().to_owned() };
    install_with(home.path(), &source(work.path(), "1.1.0"), b"undo", b"redo", Arc::new(snapshots)).unwrap();

    // Taken back, and the host did not come to undo its part.
    let ready = shots.path().join("Ready");
    let found = recover(&ready);
    assert_eq!(found.pending.first().unwrap().undo(), Some(&b"undo"[..]));
    drop(found);
    assert_eq!(recovered(&ready).1.as_deref(), Some(&b"undo"[..]));
    assert_eq!(state(&ready), before);

    // Cut off while the half-made directory was being removed.
    let tree = shots.path().join("Tree");
    std::fs::remove_file(place(&tree).target().join("Capsule.toml")).unwrap();
    recovered(&tree);
    assert_eq!(state(&tree), before);

    // Cut off while the old directory was being removed.
    let meta = shots.path().join("Meta");
    std::fs::remove_file(meta.join("home/alice/.local/capsules/notes.bak/Capsule.toml")).unwrap();
    std::fs::remove_file(meta.join("home/alice/.local/capsules/notes.bak/meta.json")).unwrap();
    recovered(&meta);
    assert_eq!(files(&place(&meta).target()), files(&place(home.path()).target()));
}

#[test]
fn a_backup_without_a_journal_is_deleted_beside_a_complete_capsule_and_else_restored() {
    let (work, home) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    install(home.path(), &source(work.path(), "1.0.0")).unwrap();
    let before = state(home.path());
    let capsules = home.path().join("home/alice/.local/capsules");
    copy_all(&capsules.join("notes"), &capsules.join("notes.bak"));
    recovered(home.path());
    assert_eq!(state(home.path()), before);

    std::fs::rename(capsules.join("notes"), capsules.join("notes.bak")).unwrap();
    write(&capsules, "notes/half", "a copy that was cut short");
    recovered(home.path());
    assert_eq!(state(home.path()), before);

    // What is no backup of ours is not touched.
    write(&capsules, "Not A Capsule.bak/file", "mine");
    recovered(home.path());
    assert!(capsules.join("Not A Capsule.bak/file").is_file());
}

#[test]
fn a_damaged_journal_is_reported_and_nothing_is_touched() {
    let (work, home, shots) =
        (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let snapshots = Snapshots { home: home.path().to_owned(), into: shots.path().to_owned() };
    install_with(home.path(), &source(work.path(), "1.0.0"), b"", b"", Arc::new(snapshots)).unwrap();
    let home = shots.path().join("Tree");
    let journal = home.join("state/install/alice/notes.journal");
    let mut bytes = std::fs::read(&journal).unwrap();
    bytes[3] ^= 4;
    std::fs::write(&journal, bytes).unwrap();
    let before = state_without_records(&home);
    let found = recover(&home);
    assert!(found.pending.is_empty());
    let problem = found.problems.first().unwrap().to_string();
    assert!(problem.contains("notes.journal") && problem.contains("damaged"), "{problem}");
    assert_eq!(state_without_records(&home), before);
}

fn state_without_records(home: &Path) -> crate::support::Files {
    let mut found = files(home);
    found.retain(|name, _| !name.ends_with(".lock"));
    found
}

#[test]
fn what_another_process_is_at_is_left_to_it() {
    let (work, home, shots) =
        (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let snapshots = Snapshots { home: home.path().to_owned(), into: shots.path().to_owned() };
    install_with(home.path(), &source(work.path(), "1.0.0"), b"", b"", Arc::new(snapshots)).unwrap();
    let home = shots.path().join("Tree");
    let held = Lock::take(&place(&home)).unwrap();
    assert!(recover(&home).pending.is_empty());
    assert!(place(&home).target().exists());
    drop(held);
    recovered(&home);
    assert!(!place(&home).target().exists());
}

#[test]
fn a_directory_of_an_archive_that_nobody_holds_is_removed() {
    let home = tempfile::tempdir().unwrap();
    write(home.path(), "home/alice/.local/capsules/.unpack-left/Capsule.toml", "");
    write(home.path(), "home/alice/.local/capsules/.unpack-held/Capsule.toml", "");
    let held = std::fs::File::open(home.path().join("home/alice/.local/capsules/.unpack-held")).unwrap();
    held.lock().unwrap();
    recovered(home.path());
    let names: Vec<_> = files(home.path()).into_keys().collect();
    assert_eq!(names, ["home/alice/.local/capsules/.unpack-held/Capsule.toml"]);
}

//! Power failures during a commit and a rollback.
//!
//! A file system on a loop device has on that device what was synced, and whatever else the kernel chose to
//! write. So a copy of the device's file, taken before each syscall of a decision, is what a power
//! failure at that moment leaves. The copies are mounted, and the overlay in them is opened.
#![cfg(target_os = "linux")]

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use parking_lot::Mutex;

use super::{Overlay, exact};
use crate::direct::sys::record;
use crate::volume::{Content, OpenMode, Volume};
use crate::{Direct, Scheme, VfsPath};

const INSIDE: &str = "ASTRID_FS_POWER_TEST_INSIDE";

fn run(program: &str, arguments: &[&str]) -> bool {
    Command::new(program).args(arguments).output().is_ok_and(|ended| ended.status.success())
}

/// Whether the test was done in a mount namespace of its own, or cannot be done on this machine.
fn done_inside(test: &str) -> bool {
    if std::env::var_os(INSIDE).is_some() {
        return false;
    }
    let directory = tempfile::tempdir().unwrap();
    let image = directory.path().join("probe");
    let can = make(&image)
        && run("unshare", &["-m", "sh", "-c", &format!("mount -o loop {} /mnt", image.display())]);
    if can {
        let own = std::env::current_exe().unwrap();
        let mut command = Command::new("unshare");
        command.arg("-m").arg(own).args(["--exact", test, "--nocapture"]).env(INSIDE, "1");
        assert!(command.status().unwrap().success());
    } else {
        eprintln!("{test}: not done, this machine gives no loop device with ext4");
    }
    true
}

fn make(image: &Path) -> bool {
    let file = std::fs::File::create(image).unwrap();
    // On a smaller one the kernel never puts off where content goes, and so loses less.
    file.set_len(32 << 20).unwrap();
    run("mkfs.ext4", &["-q", "-F", "-b", "1024", image.to_str().unwrap()])
}

/// Without the kernel's own guess that a file which is renamed over another had better be whole.
fn mount(image: &Path, at: &Path) {
    std::fs::create_dir_all(at).unwrap();
    let options = "loop,noauto_da_alloc,commit=600";
    assert!(run("mount", &["-o", options, image.to_str().unwrap(), at.to_str().unwrap()]));
}

fn unmount(at: &Path) {
    assert!(run("umount", &[at.to_str().unwrap()]));
}

fn open(root: &Path) -> Overlay {
    let lower = Arc::new(Direct::builder().open(&root.join("lower")).unwrap());
    Overlay::open(lower, Scheme::Workspace, &root.join("kept/of/alice")).unwrap()
}

/// Every path with its kind, mode and content.
fn contents(root: &Path) -> BTreeMap<String, String> {
    let mut seen = BTreeMap::new();
    let mut waiting = vec![root.to_owned()];
    while let Some(directory) = waiting.pop() {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            let (meta, name) = (path.symlink_metadata().unwrap(), path.strip_prefix(root).unwrap());
            let name = name.to_str().unwrap().to_owned();
            if name.contains(".astrid-tmp.") {
                continue;
            }
            let content = if meta.is_dir() {
                waiting.push(path);
                String::new()
            } else if meta.is_symlink() {
                std::fs::read_link(path).unwrap().to_str().unwrap().to_owned()
            } else {
                String::from_utf8_lossy(&std::fs::read(path).unwrap()).into_owned()
            };
            seen.insert(name, format!("{:o} {content}", meta.mode()));
        }
    }
    seen
}

const LOWER: [&str; 7] = ["a", "b", "d/c", "gone/s/f", "anew/f", "file", "kept"];

fn plant(root: &Path) {
    for file in LOWER {
        let path = root.join("lower").join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, format!("old {file} ").repeat(900)).unwrap();
    }
    std::os::unix::fs::symlink("a", root.join("lower/link")).unwrap();
    assert!(run("sync", &[]));
}

/// Something of every kind of step.
fn change(overlay: &Overlay) {
    let stop = super::commit::never();
    let path = |text: &str| VfsPath::parse(text).unwrap();
    let write = |text: &str| {
        let content = format!("new {text} ").repeat(900);
        overlay.replace(exact(&path(text), &stop), Content::Bytes(content.as_bytes())).unwrap();
    };
    write("a");
    overlay.make_dirs(exact(&path("fresh/deep"), &stop)).unwrap();
    write("fresh/deep/f");
    overlay.rename(exact(&path("b"), &stop), exact(&path("d/b"), &stop)).unwrap();
    overlay.rename(exact(&path("link"), &stop), exact(&path("fresh/link"), &stop)).unwrap();
    overlay.remove_all(exact(&path("gone"), &stop)).unwrap();
    overlay.remove_all(exact(&path("anew"), &stop)).unwrap();
    overlay.make_dir(exact(&path("anew"), &stop)).unwrap();
    write("anew/g");
    overlay.link(exact(&path("a"), &stop), exact(&path("anew/a"), &stop)).unwrap();
    overlay.unlink(exact(&path("file"), &stop)).unwrap();
    overlay.make_dir(exact(&path("file"), &stop)).unwrap();
}

/// What would have come next, and a copy, by its digest.
type Known = BTreeMap<[u8; 32], (String, PathBuf)>;

/// A disk with changes on it that nobody has decided on.
struct Disk {
    directory: tempfile::TempDir,
    before: BTreeMap<String, String>,
}

impl Disk {
    fn new(change: impl FnOnce(&Overlay)) -> (Self, Overlay) {
        let directory = tempfile::tempdir().unwrap();
        assert!(make(&directory.path().join("disk")));
        let root = directory.path().join("mounted");
        mount(&directory.path().join("disk"), &root);
        plant(&root);
        let before = contents(&root.join("lower"));
        let overlay = open(&root);
        change(&overlay);
        (Self { directory, before }, overlay)
    }

    fn root(&self) -> PathBuf {
        self.directory.path().join("mounted")
    }

    /// Decides, and gives what power failures in the meantime would have left, each once.
    fn cuts(&self, thread: &str, decide: impl FnOnce() + Send + 'static) -> Vec<(String, PathBuf)> {
        let (disk, copies) = (self.directory.path().join("disk"), self.directory.path().join("copies"));
        std::fs::create_dir(&copies).unwrap();
        let known: Arc<Mutex<Known>> = Arc::default();
        let look = {
            let known = known.clone();
            move |next: &str| {
                let looks = ["open", "stat", "list", "read"];
                if looks.iter().any(|look| next.starts_with(look)) {
                    return;
                }
                let image = std::fs::read(&disk).unwrap();
                let mut known = known.lock();
                let path = copies.join(known.len().to_string());
                known.entry(*blake3::hash(&image).as_bytes()).or_insert_with(|| {
                    std::fs::write(&path, &image).unwrap();
                    (next.to_owned(), path)
                });
            }
        };
        let look = Arc::new(look);
        record::watch(thread, look.clone());
        std::thread::Builder::new().name(thread.to_owned()).spawn(decide).unwrap().join().unwrap();
        record::heard(thread);
        look("nothing any more");
        let mut cuts: Vec<_> = known.lock().values().cloned().collect();
        cuts.sort_by_key(|(_, path)| path.file_name().unwrap().to_str().unwrap().parse::<usize>().unwrap());
        cuts
    }

    /// Mounts what a power failure left.
    fn after<T>(&self, image: &Path, look: impl FnOnce(&Path) -> T) -> T {
        let at = self.directory.path().join("again");
        mount(image, &at);
        let seen = look(&at);
        unmount(&at);
        seen
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        unmount(&self.root());
    }
}

// fs case 51: the power fails before any syscall of the commit, or right after it
#[test]
fn a_commit_that_loses_power_is_finished_or_not_begun_at_the_next_opening() {
    let own = "overlay::power::a_commit_that_loses_power_is_finished_or_not_begun_at_the_next_opening";
    if done_inside(own) {
        return;
    }
    let (disk, overlay) = Disk::new(change);
    let overlay = Arc::new(overlay);
    let deciding = overlay.clone();
    let cuts = disk.cuts("commit under power cuts", move || deciding.commit().unwrap());
    drop(overlay);
    let after = contents(&disk.root().join("lower"));
    assert_ne!(after, disk.before);
    let mut finished = 0;
    for (next, image) in &cuts {
        disk.after(image, |root| {
            let begun = root.join("kept/of/alice/changes/journal").exists();
            let overlay = open(root);
            let now = contents(&root.join("lower"));
            if begun {
                finished += 1;
                assert_eq!(now, after, "begun, then cut before: {next}");
            } else {
                assert!(now == after || now == disk.before, "cut before: {next}");
            }
            if now == after {
                assert!(overlay.changes().unwrap().is_empty(), "cut before: {next}");
            }
        });
    }
    println!("{} different cuts, {finished} of them within the commit", cuts.len());
    assert!(finished > 2, "no cut was within the commit, so nothing was tested");
    let (_, last) = cuts.last().unwrap();
    disk.after(last, |root| assert_eq!(contents(&root.join("lower")), after, "cut once it had returned"));
}

// fs case 51
#[test]
fn a_rollback_that_loses_power_leaves_all_changes_or_none() {
    let own = "overlay::power::a_rollback_that_loses_power_leaves_all_changes_or_none";
    if done_inside(own) {
        return;
    }
    let (disk, overlay) = Disk::new(change);
    assert!(run("sync", &[]));
    let all = overlay.changes().unwrap();
    let overlay = Arc::new(overlay);
    let deciding = overlay.clone();
    let cuts = disk.cuts("rollback under power cuts", move || deciding.rollback().unwrap());
    drop(overlay);
    let mut left = 0;
    for (next, image) in &cuts {
        disk.after(image, |root| {
            let now = open(root).changes().unwrap();
            assert!(now == all || now.is_empty(), "cut before: {next}");
            assert_eq!(contents(&root.join("lower")), disk.before, "cut before: {next}");
            left += usize::from(now.is_empty());
        });
    }
    assert!(left > 0 && left < cuts.len(), "{left} of {}", cuts.len());
}

// fs case 51: what is moved is hidden at its old name only once it is safe at the new one
#[test]
fn a_rename_that_loses_power_leaves_the_content_under_one_of_its_names() {
    let own = "overlay::power::a_rename_that_loses_power_leaves_the_content_under_one_of_its_names";
    if done_inside(own) {
        return;
    }
    let (disk, overlay) = Disk::new(|_| {});
    let overlay = Arc::new(overlay);
    let moving = overlay.clone();
    let cuts = disk.cuts("rename under power cuts", move || {
        let stop = super::commit::never();
        let path = |text: &str| VfsPath::parse(text).unwrap();
        moving.rename(exact(&path("gone"), &stop), exact(&path("came"), &stop)).unwrap();
        // What only this makes durable says nothing about the content.
        moving.layers.read().cuts.read().sync().unwrap();
    });
    drop(overlay);
    assert!(cuts.len() > 1);
    for (next, image) in &cuts {
        disk.after(image, |root| {
            let overlay = open(root);
            let stop = super::commit::never();
            let read = |text: &str| {
                let path = VfsPath::parse(text).unwrap();
                let file = overlay.open(exact(&path, &stop), OpenMode::Read).ok()?;
                let mut content = vec![0; 100_000];
                let length = file.read_at(&mut content, 0).unwrap();
                content.truncate(length);
                Some(String::from_utf8(content).unwrap())
            };
            let whole = Some("old gone/s/f ".repeat(900));
            assert!(read("gone/s/f") == whole || read("came/s/f") == whole, "cut before: {next}");
            assert_eq!(contents(&root.join("lower")), disk.before, "cut before: {next}");
        });
    }
}

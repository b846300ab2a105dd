//! Archives from anywhere.

use std::io::Write;
use std::path::{Path, PathBuf};

use astrid_capsule_install::{Code, MAX_ENTRIES, MAX_UNPACKED, Package};
use flate2::Compression;
use flate2::write::GzEncoder;
use tar::{Builder, EntryType, Header};

use crate::support::{files, install, place, state};

const MANIFEST: &str = "[package]\nname = \"notes\"\nversion = \"1.0.0\"\n";

type Tar = Builder<GzEncoder<std::fs::File>>;

struct Scene {
    _work: tempfile::TempDir,
    root: PathBuf,
    home: PathBuf,
    archive: PathBuf,
}

fn scene(fill: impl FnOnce(&mut Tar)) -> Scene {
    let work = tempfile::tempdir().unwrap();
    // The home lies deep enough that `../..` of an entry stays within what is looked at.
    let root = work.path().join("root");
    let (home, archive) = (root.join("home-of-host"), root.join("notes.capsule"));
    std::fs::create_dir_all(&home).unwrap();
    let file = std::fs::File::create(&archive).unwrap();
    let mut tar = Builder::new(GzEncoder::new(file, Compression::fast()));
    fill(&mut tar);
    tar.into_inner().unwrap().finish().unwrap();
    Scene { _work: work, root, home, archive }
}

/// One entry whose name goes into the header as it is.
fn raw(tar: &mut Tar, name: &str, kind: EntryType, size: u64, bytes: impl std::io::Read) {
    let mut header = Header::new_gnu();
    header.as_mut_bytes().get_mut(..name.len()).unwrap().copy_from_slice(name.as_bytes());
    header.set_entry_type(kind);
    header.set_mode(0o644);
    header.set_size(size);
    if kind.is_symlink() || kind.is_hard_link() {
        header.set_link_name("/etc/passwd").unwrap();
    }
    header.set_cksum();
    tar.append(&header, bytes).unwrap();
}

fn file(tar: &mut Tar, name: &str, text: &str) {
    raw(tar, name, EntryType::Regular, text.len() as u64, text.as_bytes());
}

impl Scene {
    fn open(&self) -> Result<Package, (Code, String)> {
        Package::open(&self.archive, &self.home, "alice").map_err(|error| (error.code(), error.to_string()))
    }

    /// Nothing was written but what the directory for unpacking left, which is nothing.
    fn assert_untouched(&self) {
        let names: Vec<_> = files(&self.root).into_keys().collect();
        assert_eq!(names, ["notes.capsule"]);
    }

    fn refused(&self, code: Code, entry: &str) {
        let (found, text) = self.open().unwrap_err();
        assert_eq!(found, code, "{text}");
        assert!(text.contains(entry) && text.contains("notes.capsule"), "{text}");
        self.assert_untouched();
    }
}

#[test]
fn an_archive_installs_like_the_directory_it_was_made_of() {
    let work = tempfile::tempdir().unwrap();
    let dir = crate::support::source(work.path(), "1.0.0");
    let scene = scene(|tar| {
        tar.append_path_with_name(dir.join("Capsule.toml"), "./Capsule.toml").unwrap();
        for name in files(&dir).into_keys().filter(|name| name != "Capsule.toml") {
            tar.append_path_with_name(dir.join(&name), format!("./{name}")).unwrap();
        }
        tar.append_dir("skills", dir.join("skills")).unwrap();
    });
    install(&scene.home, &scene.archive).unwrap();
    let other = tempfile::tempdir().unwrap();
    install(other.path(), &dir).unwrap();
    let tree = |home: &Path| {
        let mut found = files(&place(home).target());
        found.remove("meta.json");
        found
    };
    assert_eq!(tree(&scene.home), tree(other.path()));
    assert_eq!(state(&scene.home).len(), state(other.path()).len(), "the unpacked directory is gone");
}

// lifecycle case 12
#[test]
fn a_name_that_leads_out_is_refused_with_the_entry_and_nothing_is_written() {
    for name in ["../evil", "a/../../evil", "/tmp/evil-capsule", "..", "C:/evil", "..\\evil"] {
        let scene = scene(|tar| {
            file(tar, "Capsule.toml", MANIFEST);
            file(tar, name, "evil");
        });
        scene.refused(Code::BadEntry, &name.escape_default().to_string());
    }
    assert!(!Path::new("/tmp/evil-capsule").exists());
}

// lifecycle case 12
#[test]
fn links_devices_and_pipes_are_refused_with_the_entry() {
    for (kind, what) in [
        (EntryType::Symlink, "symbolic link"),
        (EntryType::Link, "hard link"),
        (EntryType::Char, "device"),
        (EntryType::Block, "device"),
        (EntryType::Fifo, "pipe"),
        (EntryType::new(b'Z'), "unknown kind"),
    ] {
        let scene = scene(|tar| {
            file(tar, "Capsule.toml", MANIFEST);
            raw(tar, "odd", kind, 0, std::io::empty());
        });
        scene.refused(Code::BadEntry, what);
        scene.refused(Code::BadEntry, "\"odd\"");
    }
}

#[test]
fn names_that_are_there_twice_or_meet_on_other_systems_are_refused() {
    for (first, second) in
        [("a", "a"), ("a/x", "A/y"), ("e\u{301}", "\u{e9}"), ("a", "a/b"), ("b", "./b"), ("c", "C")]
    {
        let scene = scene(|tar| {
            file(tar, "Capsule.toml", MANIFEST);
            file(tar, first, "1");
            file(tar, second, "2");
        });
        scene.refused(Code::BadEntry, second);
    }
    let scene = scene(|tar| {
        file(tar, "Capsule.toml", MANIFEST);
        file(tar, "Capsule.toml", MANIFEST);
    });
    scene.refused(Code::BadEntry, "Capsule.toml");
}

// lifecycle case 12
#[test]
fn a_bomb_of_a_gigabyte_is_refused_while_it_is_unpacked() {
    const GIB: u64 = 1 << 30;
    let scene = scene(|tar| {
        file(tar, "Capsule.toml", MANIFEST);
        raw(tar, "zeros", EntryType::Regular, GIB, std::io::Read::take(std::io::repeat(0), GIB));
    });
    assert!(std::fs::metadata(&scene.archive).unwrap().len() < 16 << 20);
    scene.refused(Code::ArchiveTooLarge, "zeros");

    // The same in pieces that are each small enough.
    let piece = MAX_UNPACKED / 3;
    let pieces = self::scene(|tar| {
        file(tar, "Capsule.toml", MANIFEST);
        for name in ["one", "two", "three"] {
            raw(tar, name, EntryType::Regular, piece, std::io::Read::take(std::io::repeat(0), piece));
        }
    });
    pieces.refused(Code::ArchiveTooLarge, "three");

    // And in a name, which is no file.
    let named = self::scene(|tar| {
        file(tar, "Capsule.toml", MANIFEST);
        raw(
            tar,
            "././@LongLink",
            EntryType::GNULongName,
            GIB,
            std::io::Read::take(std::io::repeat(b'a'), GIB),
        );
    });
    named.refused(Code::ArchiveTooLarge, "notes.capsule");
}

#[test]
fn exactly_the_largest_archive_passes_and_says_that_it_is_large() {
    let most = MAX_UNPACKED - MANIFEST.len() as u64;
    let scene = scene(|tar| {
        file(tar, "Capsule.toml", MANIFEST);
        raw(tar, "zeros", EntryType::Regular, most, std::io::Read::take(std::io::repeat(0), most));
    });
    let package = scene.open().unwrap();
    assert_eq!(package.large, Some(MAX_UNPACKED));
    drop(package);
    scene.assert_untouched();
}

#[test]
fn ten_thousand_entries_pass_and_one_more_does_not() {
    let with = |count: usize| {
        scene(|tar| {
            file(tar, "Capsule.toml", MANIFEST);
            (1..count).for_each(|number| file(tar, &format!("f{number}"), ""));
        })
    };
    assert_eq!(with(MAX_ENTRIES).open().unwrap().large, None);
    with(MAX_ENTRIES + 1).refused(Code::ArchiveTooLarge, &format!("f{MAX_ENTRIES}"));
}

#[test]
fn an_archive_begins_with_the_manifest() {
    scene(|tar| {
        file(tar, "a", "");
        file(tar, "Capsule.toml", MANIFEST);
    })
    .refused(Code::BadArchive, "\"a\"");
    scene(|tar| raw(tar, "Capsule.toml", EntryType::Directory, 0, std::io::empty()))
        .refused(Code::BadArchive, "Capsule.toml");
    scene(|_| {}).refused(Code::BadArchive, "empty");
    let bad = scene(|tar| file(tar, "Capsule.toml", "[package"));
    let (code, text) = bad.open().unwrap_err();
    assert_eq!(code, Code::Manifest);
    assert!(text.contains("notes.capsule/Capsule.toml:1"), "{text}");
    bad.assert_untouched();
}

#[test]
fn a_comment_on_the_whole_archive_and_the_directory_itself_may_come_first() {
    let scene = scene(|tar| {
        let comment = "30 comment=0123456789abcdef01\n";
        raw(tar, "pax_global_header", EntryType::XGlobalHeader, comment.len() as u64, comment.as_bytes());
        raw(tar, "./", EntryType::Directory, 0, std::io::empty());
        file(tar, "Capsule.toml", MANIFEST);
    });
    assert_eq!(scene.open().unwrap().manifest.package.name, "notes");
}

#[test]
fn an_archive_that_was_cut_off_or_changed_is_refused() {
    let scene = scene(|tar| {
        file(tar, "Capsule.toml", MANIFEST);
        (0..50).for_each(|number| file(tar, &format!("f{number}"), &format!("text {number}").repeat(40)));
    });
    let whole = std::fs::read(&scene.archive).unwrap();
    for end in (0..whole.len()).step_by(97).chain([whole.len() - 1]) {
        std::fs::write(&scene.archive, &whole[..end]).unwrap();
        scene.refused(Code::BadArchive, "notes.capsule");
    }
    let mut other = whole.clone();
    // The checksum at the end.
    let last = other.len() - 6;
    other[last] ^= 1;
    std::fs::write(&scene.archive, other).unwrap();
    scene.refused(Code::BadArchive, "notes.capsule");
    std::fs::write(&scene.archive, &whole).unwrap();
    scene.open().unwrap();
}

#[test]
fn a_text_or_a_pipe_is_no_archive() {
    let scene = scene(|_| {});
    std::fs::File::create(&scene.archive).unwrap().write_all(b"just text").unwrap();
    scene.refused(Code::BadArchive, "gzip");
    std::fs::remove_file(&scene.archive).unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, &scene.archive, rustix::fs::Mode::RWXU).unwrap();
    assert_eq!(scene.open().unwrap_err().0, Code::BadSource);
}

//! `.capsule` archives: gzip-compressed tar files from anywhere, whose first entry is the manifest.

mod bounded;
mod names;

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use astrid_capsule_manifest::MANIFEST_FILE;
use flate2::read::GzDecoder;
use rustix::fs::OFlags;
use tar::{Entry, EntryType};

use crate::{Code, InstallError, disk};
use bounded::Bounded;
use names::{Names, Slot};

/// Bytes that an archive may unpack to, and a directory may hold, without what an installation leaves out. A capsule
/// is a component of at most 64 MiB and some texts.
pub const MAX_UNPACKED: u64 = 100 << 20;
/// Bytes from which on a warning says how large the capsule is.
pub const WARN_UNPACKED: u64 = 50 << 20;
/// Entries of an archive, and files and directories of a source directory.
pub const MAX_ENTRIES: usize = 10_000;

type Reader<'s> = Bounded<GzDecoder<io::BufReader<File>>>;

/// Unpacks `archive` into the empty directory `into` and answers how many bytes its files hold.
///
/// Every name is checked before anything is made of it, and only files and directories are made, so that nothing
/// outside `into` is ever written.
pub(crate) fn unpack(archive: &Path, into: &Path) -> Result<u64, InstallError> {
    let opened = disk::open_regular(archive, OFlags::empty());
    let file =
        opened.map_err(|error| InstallError::at(Code::BadSource, archive, disk::unreadable(&error)))?;
    let mut tar = tar::Archive::new(Bounded::new(GzDecoder::new(io::BufReader::new(file)), MAX_UNPACKED));
    let mut unpacking = Unpacking { archive, into, names: Names::default(), bytes: 0, entries: 0 };
    for entry in tar.entries().map_err(|error| unpacking.broken(&error))? {
        let entry = entry.map_err(|error| unpacking.broken(&error))?;
        unpacking.entry(entry)?;
    }
    if unpacking.entries == 0 {
        return Err(unpacking.wrong("is an empty archive"));
    }
    // What follows the last entry is read for the checksum at its end: a file that was cut off shows there.
    io::copy(&mut tar.into_inner(), &mut io::sink()).map_err(|error| unpacking.broken(&error))?;
    Ok(unpacking.bytes)
}

struct Unpacking<'a> {
    archive: &'a Path,
    into: &'a Path,
    names: Names,
    bytes: u64,
    entries: usize,
}

impl Unpacking<'_> {
    fn entry(&mut self, mut entry: Entry<'_, Reader<'_>>) -> Result<(), InstallError> {
        let kind = entry.header().entry_type();
        // A comment on the whole archive, such as the one of `git archive`.
        if kind == EntryType::XGlobalHeader {
            return Ok(());
        }
        let shown = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let name = std::str::from_utf8(&entry.path_bytes()).map(str::to_owned);
        let name = name.map_err(|_| self.refused(&shown, "is not named in UTF-8"))?;
        self.entries += 1;
        if self.entries > MAX_ENTRIES {
            let problem = format!("is entry {}, more than {MAX_ENTRIES}, the limit", self.entries);
            return Err(self.of_entry(Code::ArchiveTooLarge, &shown, &problem));
        }
        let slot = match kind {
            EntryType::Regular | EntryType::Continuous => Slot::File,
            EntryType::Directory => Slot::Directory,
            other => {
                let problem = format!("is {}", spoken(other));
                return Err(self.refused(&shown, &problem).allowed("files and directories"));
            }
        };
        let parts = names::split(&name).map_err(|problem| {
            self.refused(&shown, &problem).allowed("a path below the capsule's directory")
        })?;
        // `tar -C dir .` begins with the directory itself.
        if parts.is_empty() && slot == Slot::Directory {
            self.entries -= 1;
            return Ok(());
        }
        if self.entries == 1 && (slot != Slot::File || parts != [MANIFEST_FILE]) {
            return Err(self
                .of_entry(Code::BadArchive, &shown, "is the first entry")
                .allowed(format_args!("{MANIFEST_FILE} as the first entry")));
        }
        self.names.take(&parts, slot).map_err(|problem| self.refused(&shown, &problem))?;
        let path = parts.iter().fold(self.into.to_owned(), |path, part| path.join(part));
        match slot {
            Slot::Directory => make_dirs(&path),
            Slot::File => self.file(&mut entry, &shown, &path),
        }
    }

    fn file(
        &mut self,
        entry: &mut Entry<'_, Reader<'_>>,
        shown: &str,
        path: &Path,
    ) -> Result<(), InstallError> {
        let size = entry.size();
        if size > MAX_UNPACKED.saturating_sub(self.bytes) {
            return Err(self.too_large(shown));
        }
        if let Some(parent) = path.parent() {
            make_dirs(parent)?;
        }
        let runs = entry.header().mode().is_ok_and(|mode| mode & 0o111 != 0);
        let mode = if runs { 0o755 } else { 0o644 };
        let made = OpenOptions::new().write(true).create_new(true).mode(mode).open(path);
        let mut file = made.map_err(InstallError::io(path, "cannot be made"))?;
        let mut piece = vec![0; 64 << 10];
        loop {
            let read = match entry.read(&mut piece) {
                Err(error) if Bounded::<io::Empty>::is_full(&error) => return Err(self.too_large(shown)),
                other => other.map_err(|error| self.broken(&error))?,
            };
            let Some(piece) = piece.get(..read).filter(|piece| !piece.is_empty()) else { break };
            file.write_all(piece).map_err(InstallError::io(path, "cannot be written"))?;
            self.bytes = self.bytes.saturating_add(u64::try_from(read).unwrap_or(u64::MAX));
        }
        Ok(())
    }

    fn broken(&self, error: &io::Error) -> InstallError {
        if Bounded::<io::Empty>::is_full(error) {
            return self.too_large("(a header)");
        }
        self.wrong(&format!("is no archive that can be read: {error}"))
    }

    fn wrong(&self, problem: &str) -> InstallError {
        let error = InstallError::at(Code::BadArchive, self.archive, problem);
        error.allowed(format_args!("a gzip-compressed tar file that begins with {MANIFEST_FILE}"))
    }

    fn too_large(&self, entry: &str) -> InstallError {
        let problem = format!("makes the archive larger than {MAX_UNPACKED} bytes unpacked, the limit");
        self.of_entry(Code::ArchiveTooLarge, entry, &problem)
    }

    fn refused(&self, entry: &str, problem: &str) -> InstallError {
        self.of_entry(Code::BadEntry, entry, problem)
    }

    fn of_entry(&self, code: Code, entry: &str, problem: &str) -> InstallError {
        let named: String = entry.chars().take(200).collect();
        InstallError::at(code, self.archive, format_args!("entry {named:?} {problem}"))
    }
}

/// Without waiting for the disk: what is unpacked does not outlive a crash.
fn make_dirs(path: &Path) -> Result<(), InstallError> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.map_err(InstallError::io(path, "cannot be made"))
}

fn spoken(kind: EntryType) -> String {
    match kind {
        EntryType::Symlink => "a symbolic link".to_owned(),
        EntryType::Link => "a hard link".to_owned(),
        EntryType::Char | EntryType::Block => "a device".to_owned(),
        EntryType::Fifo => "a pipe".to_owned(),
        EntryType::GNUSparse => "a file with holes".to_owned(),
        other => format!("of the unknown kind {:#04x}", other.as_byte()),
    }
}

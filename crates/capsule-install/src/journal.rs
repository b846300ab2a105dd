//! What an installation writes down before it changes anything, so that whoever finds it cut short can end it.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;

use astrid_capsule_manifest::CapsuleId;
use serde::{Deserialize, Serialize};

use crate::blobs::Name;
use crate::{Code, InstallError, Place, disk, place};

/// What a journal may hold: the writes of a lifecycle hook, which the stores bound themselves, and the few values of
/// an operator.
const MAX_JOURNAL: u64 = 1 << 30;
/// Bytes of the digest at the end.
const DIGEST: usize = 32;

/// Which hook belongs to an installation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// A first installation, or the same version once more.
    Install,
    /// From another version.
    Upgrade,
}

impl Phase {
    /// The phase in one word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Install => "install",
            Self::Upgrade => "upgrade",
        }
    }
}

/// How far an installation came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Stage {
    /// Files are being put in place.
    Begun,
    /// They are in place; the record with this hash decides.
    Ready,
    /// They were taken back; what the host did beside them is still to be undone.
    Back,
}

/// The part of a journal that is not opaque.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Head {
    pub(crate) phase: Phase,
    pub(crate) from: Option<String>,
    pub(crate) to: String,
    pub(crate) wasm_hash: Option<String>,
    pub(crate) stage: Stage,
    /// Whether there was a directory to move away.
    pub(crate) had_old: bool,
    /// Files of the stores that the new capsule needs.
    pub(crate) blobs: BTreeSet<Name>,
    /// BLAKE3 of the `meta.json` to come, from [`Stage::Ready`] on.
    pub(crate) meta_hash: Option<String>,
}

/// A journal in memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Journal {
    pub(crate) head: Head,
    /// What the host has to undo when the installation is taken back.
    pub(crate) undo: Vec<u8>,
    /// What the host has to do when it is completed.
    pub(crate) redo: Vec<u8>,
}

#[derive(Serialize, Deserialize)]
struct FirstLine {
    #[serde(flatten)]
    head: Head,
    undo_bytes: usize,
    redo_bytes: usize,
}

impl Journal {
    /// Replaces the journal of `place`.
    pub(crate) fn write(&self, place: &Place) -> Result<(), InstallError> {
        let line =
            FirstLine { head: self.head.clone(), undo_bytes: self.undo.len(), redo_bytes: self.redo.len() };
        let path = place.journal();
        let mut bytes =
            serde_json::to_vec(&line).map_err(|error| InstallError::at(Code::Io, &path, error))?;
        bytes.push(b'\n');
        bytes.extend_from_slice(&self.undo);
        bytes.extend_from_slice(&self.redo);
        bytes.extend_from_slice(blake3::hash(&bytes).as_bytes());
        disk::replace(&path, &bytes)
    }

    /// The journal of `place`, if there is one.
    pub(crate) fn read(place: &Place) -> Result<Option<Self>, InstallError> {
        let path = place.journal();
        let bytes = match disk::read_bounded(&path, MAX_JOURNAL) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(InstallError::at(Code::Io, &path, disk::unreadable(&error))),
        };
        let damaged = || {
            let error = InstallError::at(Code::Unfinished, &path, "is damaged");
            error.allowed(
                "what this host writes; whoever removes it decides that the directory stays as it is",
            )
        };
        Self::parse(&bytes).map(Some).ok_or_else(damaged)
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let (body, digest) = bytes.split_at_checked(bytes.len().checked_sub(DIGEST)?)?;
        if blake3::hash(body).as_bytes().as_slice() != digest {
            return None;
        }
        let end = body.iter().position(|byte| *byte == b'\n')?;
        let line: FirstLine = serde_json::from_slice(body.get(..end)?).ok()?;
        let (undo, redo) = body.get(end + 1..)?.split_at_checked(line.undo_bytes)?;
        let whole = redo.len() == line.redo_bytes;
        whole.then(|| Self { head: line.head, undo: undo.to_vec(), redo: redo.to_vec() })
    }

    pub(crate) fn remove(place: &Place) -> Result<(), InstallError> {
        disk::remove(&disk::unfinished(&place.journal()))?;
        disk::remove(&place.journal())
    }

    /// The places of all journals, of every principal; also of those that were being written for the first time.
    pub(crate) fn all(root: &Path) -> Result<Vec<Place>, InstallError> {
        let dir = place::journals(root);
        let mut places = Vec::new();
        for principal in disk::names(&dir)?.into_iter().filter(|name| dir.join(name).is_dir()) {
            for name in disk::names(&dir.join(&principal))? {
                let name = name.strip_prefix(disk::UNFINISHED).unwrap_or(&name);
                let capsule = name.strip_suffix(place::JOURNAL).and_then(|id| CapsuleId::parse(id).ok());
                let place = capsule.and_then(|capsule| Place::new(root, &principal, &capsule).ok());
                places.extend(place.filter(|place| !places.contains(place)));
            }
        }
        Ok(places)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_journal_reads_as_it_was_written_and_not_at_all_when_a_byte_is_different() {
        let dir = tempfile::tempdir().unwrap();
        let place = Place::new(dir.path(), "alice", &CapsuleId::parse("a").unwrap()).unwrap();
        let head = Head {
            phase: Phase::Upgrade,
            from: Some("1.0.0".to_owned()),
            to: "1.1.0".to_owned(),
            wasm_hash: None,
            stage: Stage::Begun,
            had_old: true,
            blobs: BTreeSet::from([Name::wit("x")]),
            meta_hash: None,
        };
        let journal = Journal { head, undo: b"\nundo\n".to_vec(), redo: vec![0, 10, 255] };
        assert_eq!(Journal::read(&place).unwrap(), None);
        journal.write(&place).unwrap();
        assert_eq!(Journal::read(&place).unwrap(), Some(journal));
        let whole = std::fs::read(place.journal()).unwrap();
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 1;
            assert_eq!(Journal::parse(&bytes), None, "byte {at}");
            assert_eq!(Journal::parse(&whole[..at]), None, "cut at {at}");
        }
    }
}

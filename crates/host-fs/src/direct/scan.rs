//! A walk over a whole tree: what is there is counted, what a killed host left half-written goes.

use std::collections::HashSet;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use rustix::fs::{FileType, OFlags};

use super::bytes::Bytes;
use super::ledger::Ledger;
use super::root::Root;
use super::sys;
use super::temporary::is_left_over;
use crate::path::parts;

/// Walks breadth first, opening each directory by its names from the root: nothing deep stays open.
/// What cannot be read is passed over.
pub(super) fn scan(root: &Root, ledger: Option<&Ledger>, bytes: Option<&Bytes>) {
    let mut linked = HashSet::new();
    let mut waiting = vec![String::new()];
    while let Some(relative) = waiting.pop() {
        let Some(directory) = open(root, &relative) else { continue };
        let Ok(entries) = sys::list(&directory) else { continue };
        let (mut found, mut held) = (0, 0_u64);
        for entry in entries.flatten() {
            if matches!(entry.file_name().to_bytes(), b"." | b"..") {
                continue;
            }
            let name = entry.file_name().to_str().ok();
            if name.is_some_and(is_left_over) && entry.file_type() == FileType::RegularFile {
                // Not removable is not ours to solve; it stays invisible.
                let _ = sys::unlink(&directory, entry.file_name());
                continue;
            }
            found += 1;
            if bytes.is_some()
                && entry.file_type() == FileType::RegularFile
                && let Ok(meta) = sys::stat_at(&directory, entry.file_name())
                && (meta.links() == 1 || linked.insert(meta.id()))
            {
                held = held.saturating_add(meta.size());
            }
            if let Some(name) = name.filter(|_| entry.file_type() == FileType::Directory) {
                waiting.push(if relative.is_empty() {
                    name.to_owned()
                } else {
                    format!("{relative}/{name}")
                });
            }
        }
        if let Some(ledger) = ledger {
            ledger.found(found);
        }
        if let Some(bytes) = bytes {
            bytes.found(held);
        }
    }
}

fn open(root: &Root, relative: &str) -> Option<Arc<OwnedFd>> {
    if root.guard().reserves(relative) {
        return None;
    }
    let mut directory = root.fd().clone();
    for part in parts(relative) {
        let next = sys::openat(&directory, part, OFlags::RDONLY | OFlags::DIRECTORY, 0).ok()?;
        directory = Arc::new(next);
    }
    Some(directory)
}

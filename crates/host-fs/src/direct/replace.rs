//! Replacing a file's whole content, so that readers and crashes see the old or the new.

use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{OFlags, Timespec, Timestamps, UTIME_OMIT};
use rustix::io::Errno;

use super::bytes::Growth;
use super::file::{DirectFile, sync_directory};
use super::ledger::Share;
use super::resolve::{Place, RETRIES};
use super::sys::Meta;
use super::temporary::Temporary;
use super::{Direct, failed, sys};
use crate::errno::{self, Doing};
use crate::fault::{Fault, Text};
use crate::inodes;
use crate::volume::{At, Content, File, FileKind, Stop, Written};

/// What moves between two looks at the token; the contract's figure.
const CHUNK: usize = 1 << 20;

/// How content is put in place, where it is not just what a guest wrote.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Manner<'a> {
    /// Whose mode and owner a new file gets: the file it stands for in another layer.
    pub(crate) like: Option<&'a Meta>,
    /// Fails with [`Fault::AlreadyExists`] where there is a file.
    pub(crate) only_new: bool,
    /// Keeps the time of the last change of a file whose content is taken over.
    pub(crate) keep_time: bool,
    /// Has the content on the device before it gets the name; the name itself is the caller's to sync.
    pub(crate) durable: bool,
    /// May write over a file that has another name or is open, instead of taking its name away.
    pub(crate) in_place: bool,
}

impl Default for Manner<'_> {
    fn default() -> Self {
        Self { like: None, only_new: false, keep_time: false, durable: false, in_place: true }
    }
}

impl Direct {
    pub(crate) fn replace_file(
        &self,
        at: At<'_>,
        content: Content<'_>,
        manner: Manner<'_>,
    ) -> Result<Written, Fault> {
        for _ in 0..RETRIES {
            let place = self.find(at, true)?;
            if manner.only_new && place.node.is_some() {
                return Err(Fault::AlreadyExists);
            }
            match place.kind() {
                Some(FileKind::Directory) => return Err(Fault::IsDirectory),
                Some(FileKind::Regular) => {}
                Some(_) => return Err(Fault::Access),
                None if place.wants_directory => return Err(Fault::IsDirectory),
                None => {}
            }
            if let (Some(old), Content::File(source)) = (&place.node, content)
                && source.id()? == old.id()
            {
                return Ok(Written { bytes: 0, digest: None });
            }
            at.consent.proceed()?;
            let room = if place.node.is_none() { self.room()? } else { Share::free() };
            if let Some(written) = self.put(at, &place, content, manner)? {
                room.keep();
                return Ok(written);
            }
        }
        Err(Fault::Unknown(Text::RetryLimit))
    }

    /// None if the name changed under the call.
    fn put(
        &self,
        at: At<'_>,
        place: &Place,
        content: Content<'_>,
        manner: Manner<'_>,
    ) -> Result<Option<Written>, Fault> {
        let name = place.name(Fault::IsDirectory)?;
        let Some(old) = &place.node else { return self.rename_over(at, place, name, content, manner) };
        if old.permissions() & 0o222 == 0 && !sys::is_privileged() {
            return Err(Fault::Access);
        }
        // A second name, or a guest's open handle, must go on standing for the same file.
        if manner.in_place && (old.links() > 1 || inodes::is_live(old.id())) {
            return self.overwrite(at, place, name, content);
        }
        match self.rename_over(at, place, name, content, manner) {
            // The directory takes no new names, or no more of them.
            Err(Fault::Access) if manner.in_place => self.overwrite(at, place, name, content),
            other => other,
        }
    }

    fn rename_over(
        &self,
        at: At<'_>,
        place: &Place,
        name: &str,
        content: Content<'_>,
        manner: Manner<'_>,
    ) -> Result<Option<Written>, Fault> {
        let (temporary, file, cloned) = self.temporary(place, content)?;
        let parent = place.parent.as_fd();
        let finish = || {
            let ahead = self.ahead(place, content)?;
            let written = fill(&file, content, cloned, at.stop)?;
            inherit(&file, place.node.as_ref().or(manner.like), content)?;
            if let (true, Content::File(source)) = (manner.keep_time, content) {
                keep_time(&file, source)?;
            }
            if self.power_safe || manner.durable {
                sys::sync_data(&file).map_err(errno::handle)?;
            }
            let put = || match &place.node {
                Some(_) => sys::rename(parent, &temporary.name, parent, name),
                // Somebody who made the name meanwhile is replaced on the next round, with its mode.
                None => publish(place, &temporary.name, name),
            };
            drop(ahead);
            match self.exchange(place, name, written.bytes, put)? {
                Ok(()) => Ok(Some(written)),
                Err(Errno::EXIST | Errno::ISDIR) => Ok(None),
                // A sweep of another host took it for left over.
                Err(Errno::NOENT) => Ok(None),
                Err(error) => Err(errno::fault(error, Doing::Path)),
            }
        };
        let result = finish();
        if matches!(result, Ok(Some(_))) {
            if self.power_safe {
                sync_directory(&place.parent)?;
            }
        } else {
            // Already gone, or left for the next sweep: the call's own answer matters more.
            let _ = sys::unlink(parent, temporary.name.as_str());
        }
        result
    }

    /// Charges what a replacement will add as far as it can be told, so that a refused one is not written first.
    fn ahead(&self, place: &Place, content: Content<'_>) -> Result<Option<Growth<'_>>, Fault> {
        let Some(bytes) = &self.bytes else { return Ok(None) };
        let freed = place.node.map_or(0, |old| bytes.freed_by(&old));
        bytes.grow(size(content).saturating_sub(freed)).map(Some)
    }

    /// Puts a file of so many bytes in the place of what the name stands for, and charges the difference.
    fn exchange(
        &self,
        place: &Place,
        name: &str,
        new: u64,
        put: impl FnOnce() -> Result<(), Errno>,
    ) -> Result<Result<(), Errno>, Fault> {
        let Some(bytes) = &self.bytes else { return Ok(put()) };
        let _alone = bytes.names();
        let old = sys::pin(&place.parent, name).ok();
        let freed = old.as_ref().map_or(0, |old| bytes.freed_by(&old.meta()));
        let growth = bytes.grow(new.saturating_sub(freed))?;
        let moved = put();
        if moved.is_ok() {
            growth.keep(old.map_or(0, |old| bytes.freed(&old)), new);
        }
        Ok(moved)
    }

    /// A file to put content in; true if it has it already.
    fn temporary(&self, place: &Place, content: Content<'_>) -> Result<(Temporary, OwnedFd, bool), Fault> {
        for _ in 0..RETRIES {
            let temporary = Temporary::new();
            if let Content::File(source) = content
                && let Some(from) = source.descriptor()
                && let Some(file) = sys::clone_new(from, &place.parent, &temporary.name)
            {
                return Ok((temporary, file, true));
            }
            // Readable, because a clone is hashed from itself.
            let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL;
            match sys::openat(&place.parent, &temporary.name, flags, self.file_mode) {
                Ok(file) => return Ok((temporary, file, false)),
                Err(Errno::EXIST) => {}
                Err(error) => return Err(failed(error)),
            }
        }
        Err(Fault::Unknown(Text::RetryLimit))
    }

    fn overwrite(
        &self,
        at: At<'_>,
        place: &Place,
        name: &str,
        content: Content<'_>,
    ) -> Result<Option<Written>, Fault> {
        let fd = match sys::openat(&place.parent, name, OFlags::WRONLY | OFlags::NONBLOCK, 0) {
            Ok(fd) => fd,
            Err(Errno::LOOP | Errno::NOENT) => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        let (mut file, meta) = DirectFile::new(fd, false, None)?;
        file.charge(self.bytes.as_ref());
        let _alone = inodes::lock(meta.id());
        let fd = file.descriptor().ok_or(Fault::Closed)?;
        let new = size(content);
        let refill = || {
            file.cut(0)?;
            fill(fd, content, false, at.stop)
        };
        let written = file.changing(|_| new, refill)?;
        if self.power_safe {
            file.sync(false)?;
        }
        Ok(Some(written))
    }
}

fn size(content: Content<'_>) -> u64 {
    match content {
        Content::Bytes(data) => data.len() as u64,
        Content::File(source) => source.stat().map_or(0, |stat| stat.size),
    }
}

/// Gives the finished file its name, if that is still free.
fn publish(place: &Place, temporary: &str, name: &str) -> Result<(), Errno> {
    let parent = place.parent.as_fd();
    match sys::rename_new(parent, temporary, name) {
        // The file system cannot; a file that appears in this instant is replaced.
        Err(Errno::INVAL | Errno::NOSYS) => sys::rename(parent, temporary, parent, name),
        other => other,
    }
}

/// Writes the content to a file that is empty, or is a clone.
fn fill(file: impl AsFd, content: Content<'_>, cloned: bool, stop: &Stop) -> Result<Written, Fault> {
    let mut hasher = blake3::Hasher::new();
    let mut bytes = 0_u64;
    match content {
        Content::Bytes(data) => {
            for chunk in data.chunks(CHUNK) {
                if bytes > 0 {
                    stop.check()?;
                }
                write(&file, chunk, bytes)?;
                hasher.update(chunk);
                bytes += chunk.len() as u64;
            }
        }
        Content::File(source) => {
            let shared = cloned || source.descriptor().is_some_and(|from| sys::clone_content(from, &file));
            let mut chunk = vec![0; CHUNK];
            loop {
                stop.check()?;
                // What the system copied is read from the copy: the source may have changed since.
                let there = shared || transfer(source, &file, bytes);
                let read = if there {
                    read(&file, &mut chunk, bytes)?
                } else {
                    source.read_at(&mut chunk, bytes)?
                };
                let Some(data) = chunk.get(..read).filter(|data| !data.is_empty()) else { break };
                if !there {
                    write(&file, data, bytes)?;
                }
                hasher.update(data);
                bytes += read as u64;
            }
        }
    }
    Ok(Written { bytes, digest: Some(hasher.finalize()) })
}

/// Gives the new file the time of the last change of the one it is a copy of.
fn keep_time(file: &OwnedFd, source: &dyn File) -> Result<(), Fault> {
    let Some(modified) = source.stat()?.modified else { return Ok(()) };
    let omit = Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT };
    let modified = Timespec { tv_sec: modified.seconds, tv_nsec: modified.nanoseconds.into() };
    let times = Timestamps { last_access: omit, last_modification: modified };
    sys::set_times(file, &times).map_err(errno::handle)
}

/// Lets the system copy a piece without moving it through this process; false if it does not, or at the end.
fn transfer(source: &dyn File, to: impl AsFd, at: u64) -> bool {
    let Some(from) = source.descriptor() else { return false };
    sys::copy_range(from, to, at, CHUNK).is_ok_and(|copied| copied > 0)
}

fn write(file: impl AsFd, mut data: &[u8], mut at: u64) -> Result<(), Fault> {
    while !data.is_empty() {
        let written = sys::write(&file, data, at).map_err(errno::handle)?;
        if written == 0 {
            return Err(Fault::Unknown(Text::Io));
        }
        data = data.get(written..).unwrap_or_default();
        at += written as u64;
    }
    Ok(())
}

fn read(file: impl AsFd, buffer: &mut [u8], at: u64) -> Result<usize, Fault> {
    sys::read(&file, buffer, at).map_err(errno::handle)
}

/// Gives the new file the permission bits, and for a privileged host the owner, of what it stands for.
fn inherit(file: &OwnedFd, old: Option<&Meta>, content: Content<'_>) -> Result<(), Fault> {
    let mode = match (content, old) {
        (Content::File(source), _) => Some(source.stat()?.mode & 0o777),
        (Content::Bytes(_), old) => old.map(|old| old.permissions() & 0o777),
    };
    let Some(mode) = mode else { return Ok(()) };
    let new = sys::stat(file).map_err(errno::handle)?;
    if let Some(old) = old
        && sys::is_privileged()
        && new.owner() != old.owner()
    {
        sys::chown(file, old.owner()).map_err(errno::handle)?;
    }
    if new.permissions() != mode {
        sys::chmod(file, mode).map_err(errno::handle)?;
    }
    Ok(())
}

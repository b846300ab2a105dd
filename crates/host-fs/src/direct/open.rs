//! Opening and creating regular files.

use rustix::fs::OFlags;
use rustix::io::Errno;

use super::file::DirectFile;
use super::resolve::{Place, RETRIES};
use super::sys::Meta;
use super::{Direct, failed, sys};
use crate::fault::{Fault, Text};
use crate::volume::{At, File, FileKind, OpenMode};

impl Direct {
    /// Opens as [`crate::Volume::open`] says; what was known of the file then comes with it.
    pub(super) fn open_file(&self, at: At<'_>, mode: OpenMode) -> Result<(DirectFile, Meta), Fault> {
        for _ in 0..RETRIES {
            let place = self.find(at, true)?;
            let creates = matches!(mode, OpenMode::Write | OpenMode::Append);
            let opened = match place.kind() {
                None if !creates => return Err(Fault::NotFound),
                None if place.wants_directory => return Err(Fault::IsDirectory),
                None => self.create(at, &place, mode)?,
                Some(FileKind::Regular) => self.open_existing(at, &place, mode)?,
                Some(FileKind::Directory) => return Err(Fault::IsDirectory),
                Some(_) => return Err(Fault::Access),
            };
            if let Some(opened) = opened {
                return Ok(opened);
            }
        }
        Err(Fault::Unknown(Text::RetryLimit))
    }

    /// None if the name changed under the call.
    fn open_existing(
        &self,
        at: At<'_>,
        place: &Place,
        mode: OpenMode,
    ) -> Result<Option<(DirectFile, Meta)>, Fault> {
        if mode != OpenMode::Read {
            at.consent.proceed()?;
        }
        let name = place.name(Fault::IsDirectory)?;
        // Not blocking, because what the name stands for may have changed since it was looked at.
        let fd = match sys::openat(&place.parent, name, access(mode) | OFlags::NONBLOCK, 0) {
            Ok(fd) => fd,
            Err(Errno::LOOP | Errno::NOENT) => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        let (mut file, meta) = DirectFile::new(fd, self.root.is_local(), None)?;
        file.charge(self.bytes.as_ref());
        if mode == OpenMode::Write {
            file.set_len(0)?;
        }
        Ok(Some((file, meta)))
    }

    fn create(&self, at: At<'_>, place: &Place, mode: OpenMode) -> Result<Option<(DirectFile, Meta)>, Fault> {
        at.consent.proceed()?;
        let name = place.name(Fault::IsDirectory)?;
        let room = self.room()?;
        let flags = access(mode) | OFlags::CREATE | OFlags::EXCL;
        let fd = match sys::openat(&place.parent, name, flags, self.file_mode) {
            Ok(fd) => fd,
            Err(Errno::EXIST) => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        room.keep();
        let (mut file, meta) = DirectFile::new(fd, self.root.is_local(), Some(place.parent.clone()))?;
        file.charge(self.bytes.as_ref());
        Ok(Some((file, meta)))
    }
}

fn access(mode: OpenMode) -> OFlags {
    match mode {
        OpenMode::Read => OFlags::RDONLY,
        OpenMode::Write => OFlags::WRONLY,
        OpenMode::Append => OFlags::WRONLY | OFlags::APPEND,
        OpenMode::ReadWrite => OFlags::RDWR,
    }
}

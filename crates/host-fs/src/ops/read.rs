//! Reading whole files, and opening.

use astrid_host_context::Action;
use wasmtime::component::Resource;

use crate::fault::Fault;
use crate::handle::{FileHandle, Readable};
use crate::op_table::{OPEN_READ, OPEN_WRITE, READ, READ_FILE, WRITE};
use crate::volume::{At, OpenMode, Volume};
use crate::{Error, FsCtxView, HANDLES, MAX_CONTENT, MAX_PIECE};

impl FsCtxView<'_> {
    /// The whole content of a file.
    ///
    /// # Errors
    /// Those of path and grant; [`Fault::TooLarge`] above [`MAX_CONTENT`], [`Fault::NotFound`],
    /// [`Fault::IsDirectory`], [`Fault::Access`] for special files.
    pub async fn read_file(&mut self, path: String) -> Result<Vec<u8>, Error> {
        let entry = self.host.enter(&READ_FILE);
        let ctx = &*self.ctx;
        entry
            .run_to_end(async {
                let site = ctx.site(&entry, READ, &path).await?;
                // What is in memory is copied here, up to what a copy takes no longer than a pool's round trip.
                let content = match site.volume().try_read(site.path(), MAX_PIECE) {
                    Some(known) => site.settle(&entry, known)?,
                    None => ctx.on(&entry, &site, read_whole).await?,
                };
                entry.moved(content.len());
                Ok(content)
            })
            .await
    }

    /// Opens a file, for one of the principal's [`HANDLES`].
    ///
    /// # Errors
    /// Those of path and grant; `quota` without a free handle, and then nothing was touched;
    /// [`Fault::NotFound`], [`Fault::IsDirectory`], [`Fault::Access`] for special files.
    pub async fn open(&mut self, path: String, mode: OpenMode) -> Result<Resource<FileHandle>, Error> {
        let reads = mode == OpenMode::Read;
        let entry = self.host.enter(if reads { &OPEN_READ } else { &OPEN_WRITE });
        let action: Action = if reads { READ } else { WRITE };
        let (ctx, table) = (&*self.ctx, &mut *self.host.table);
        entry
            .run_to_end(async {
                let site = ctx.site(&entry, action, &path).await?;
                let slot = entry.reserve(&HANDLES, 1)?;
                let file = ctx.on(&entry, &site, move |volume, at| volume.open(at, mode)).await?;
                let readable = match mode {
                    OpenMode::Read => Readable::Yes,
                    OpenMode::Write | OpenMode::Append => Readable::WrongMode,
                    OpenMode::ReadWrite if site.also_allows(READ) => Readable::Yes,
                    OpenMode::ReadWrite => Readable::Ungranted,
                };
                let handle = FileHandle::new(&entry, &ctx.pool, file, mode, readable, site.spelling(), slot);
                table.push(handle).map_err(|_| Fault::Quota.into())
            })
            .await
    }
}

fn read_whole(volume: &dyn Volume, at: At<'_>) -> Result<Vec<u8>, Fault> {
    let file = volume.open(at, OpenMode::Read)?;
    let size = usize::try_from(file.stat()?.size).unwrap_or(usize::MAX);
    if size > MAX_CONTENT {
        return Err(Fault::TooLarge);
    }
    let mut content = Vec::with_capacity(size);
    loop {
        // One byte more than the file is said to have shows its end, or that it grew.
        let want = (size + 1).saturating_sub(content.len()).clamp(1, MAX_PIECE);
        let (from, to) = (content.len(), content.len() + want);
        content.resize(to, 0);
        let read = file.read_at(content.get_mut(from..).unwrap_or_default(), from as u64)?;
        content.truncate(from + read);
        if content.len() > MAX_CONTENT {
            return Err(Fault::TooLarge);
        }
        if read < want {
            return Ok(content);
        }
        at.stop.check()?;
    }
}

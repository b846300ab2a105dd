//! Work on an open file.

use std::sync::atomic::Ordering;

use astrid_host_context::{Op, Target};
use wasmtime::component::Resource;

use crate::fault::Fault;
use crate::handle::FileHandle;
use crate::op_table::{DROP, READ_AT, SET_LEN, STAT_HANDLE, SYNC_ALL, SYNC_DATA, WRITE_AT};
use crate::volume::{FileStat, OpenMode};
use crate::{BYTES_WRITTEN, Error, FILE_BYTES, FsCtxView, MAX_PIECE};

impl FsCtxView<'_> {
    /// Up to `max` bytes from `offset`; fewer only at the end of the file.
    ///
    /// # Errors
    /// [`Fault::TooLarge`] above [`MAX_PIECE`]; [`Fault::Denied`] for another principal's handle or one
    /// without the grant to read; [`Fault::Access`] for one that writes; [`Fault::Closed`].
    pub async fn read_at(
        &mut self,
        handle: &Resource<FileHandle>,
        offset: u64,
        max: u32,
    ) -> Result<Vec<u8>, Error> {
        let entry = self.host.enter(&READ_AT);
        let (held, ctx) = (self.held(handle), &*self.ctx);
        entry
            .run_to_end(async {
                let max = usize::try_from(max).unwrap_or(usize::MAX);
                if max > MAX_PIECE {
                    return Err(Fault::TooLarge.into());
                }
                let open = held.ok_or(Fault::Closed)?.for_call(&entry)?;
                open.may_read()?;
                let file = open.file()?;
                if max == 0 || i64::try_from(offset).is_err() {
                    return Ok(Vec::new());
                }
                let mut piece = vec![0; max];
                let piece = match file.try_read_at(&mut piece, offset) {
                    Some(read) => {
                        piece.truncate(read);
                        piece
                    }
                    None => {
                        let work = move || {
                            let read = file.read_at(&mut piece, offset)?;
                            piece.truncate(read);
                            Ok::<_, Fault>(piece)
                        };
                        ctx.pool.run(&entry, work).await??
                    }
                };
                open.read.fetch_add(piece.len() as u64, Ordering::Relaxed);
                Ok(piece)
            })
            .await
    }

    /// Writes at `offset`, or at the end with a handle that appends, and says how much.
    ///
    /// # Errors
    /// [`Fault::TooLarge`] above [`MAX_PIECE`], [`FILE_BYTES`] or [`BYTES_WRITTEN`]; [`Fault::Denied`] for
    /// another principal's handle; [`Fault::Access`] for one that reads; [`Fault::Quota`], [`Fault::Closed`].
    pub async fn write_at(
        &mut self,
        handle: &Resource<FileHandle>,
        offset: u64,
        data: Vec<u8>,
    ) -> Result<u32, Error> {
        let entry = self.host.enter(&WRITE_AT);
        let (held, ctx) = (self.held(handle), &*self.ctx);
        entry
            .run_to_end(async {
                if data.len() > MAX_PIECE {
                    return Err(Fault::TooLarge.into());
                }
                let open = held.ok_or(Fault::Closed)?.for_call(&entry)?;
                open.may_write()?;
                let file = open.file()?;
                let (bytes, largest) = (data.len() as u64, entry.limit(&FILE_BYTES));
                let appends = open.mode == OpenMode::Append;
                let end = offset.saturating_add(bytes);
                if bytes == 0 {
                    return Ok(0);
                }
                if !appends && (end > largest || i64::try_from(end).is_err()) {
                    return Err(Fault::TooLarge.into());
                }
                let limit = entry.limit(&BYTES_WRITTEN);
                let mut advance = ctx.spent.take(entry.call().scope(), bytes, limit)?;
                let work = move || {
                    let written = if appends {
                        file.append(&data, largest)?;
                        data.len()
                    } else {
                        file.write_at(&data, offset)?
                    };
                    advance.used(written as u64);
                    open.written.fetch_add(written as u64, Ordering::Relaxed);
                    if let Some(stat) = file.try_stat() {
                        open.size.store(stat.size, Ordering::Relaxed);
                    }
                    Ok::<_, Fault>(written)
                };
                let written = ctx.pool.run(&entry, work).await??;
                Ok(u32::try_from(written).unwrap_or(u32::MAX))
            })
            .await
    }

    /// Waits until the content is on the device.
    ///
    /// # Errors
    /// The device failed, now or at an earlier sync of this handle; [`Fault::Denied`], [`Fault::Closed`].
    pub async fn sync_data(&mut self, handle: &Resource<FileHandle>) -> Result<(), Error> {
        self.sync(&SYNC_DATA, handle, false).await
    }

    /// Waits until content, attributes and, if this handle made it, the name are on the device.
    ///
    /// # Errors
    /// As [`FsCtxView::sync_data`].
    pub async fn sync_all(&mut self, handle: &Resource<FileHandle>) -> Result<(), Error> {
        self.sync(&SYNC_ALL, handle, true).await
    }

    async fn sync(
        &mut self,
        op: &'static Op,
        handle: &Resource<FileHandle>,
        everything: bool,
    ) -> Result<(), Error> {
        let entry = self.host.enter(op);
        let (held, ctx) = (self.held(handle), &*self.ctx);
        entry
            .run_to_end(async {
                let open = held.ok_or(Fault::Closed)?.for_call(&entry)?;
                entry.target(Target::Path(&open.spelling));
                Ok(ctx.pool.run(&entry, move || open.sync(everything)).await??)
            })
            .await
    }

    /// What is known about the open file, also once its name is gone.
    ///
    /// # Errors
    /// [`Fault::Denied`] for another principal's handle; [`Fault::Closed`].
    pub async fn stat_handle(&mut self, handle: &Resource<FileHandle>) -> Result<FileStat, Error> {
        let entry = self.host.enter(&STAT_HANDLE);
        let (held, ctx) = (self.held(handle), &*self.ctx);
        entry
            .run_to_end(async {
                let open = held.ok_or(Fault::Closed)?.for_call(&entry)?;
                let file = open.file()?;
                match file.try_stat() {
                    Some(stat) => Ok(stat),
                    None => Ok(ctx.pool.run(&entry, move || file.stat()).await??),
                }
            })
            .await
    }

    /// Cuts the file, or adds zeroes.
    ///
    /// # Errors
    /// [`Fault::Access`] for a handle that reads; [`Fault::TooLarge`] above [`FILE_BYTES`] or, by its
    /// growth, [`BYTES_WRITTEN`]; [`Fault::Denied`], [`Fault::Closed`].
    pub async fn set_len(&mut self, handle: &Resource<FileHandle>, size: u64) -> Result<(), Error> {
        let entry = self.host.enter(&SET_LEN);
        let (held, ctx) = (self.held(handle), &*self.ctx);
        entry
            .run_to_end(async {
                let open = held.ok_or(Fault::Closed)?.for_call(&entry)?;
                entry.target(Target::Path(&open.spelling));
                open.may_write()?;
                let file = open.file()?;
                if size > entry.limit(&FILE_BYTES) || i64::try_from(size).is_err() {
                    return Err(Fault::TooLarge.into());
                }
                let limit = entry.limit(&BYTES_WRITTEN);
                let (spent, scope) = (ctx.spent.clone(), entry.call().scope());
                let work = move || {
                    let growth = size.saturating_sub(file.stat()?.size);
                    let mut advance = spent.take(scope, growth, limit)?;
                    file.set_len(size)?;
                    advance.used(growth);
                    open.size.store(size, Ordering::Relaxed);
                    Ok::<_, Fault>(())
                };
                Ok(ctx.pool.run(&entry, work).await??)
            })
            .await
    }

    /// Gives a handle back, with a record of what was done with it. Work on it that has begun ends first.
    pub fn drop_handle(&mut self, handle: Resource<FileHandle>) {
        let entry = self.host.enter(&DROP);
        let held = self.host.table.delete(handle);
        // A handle that is not there has nothing to tell.
        let _ =
            entry.run_always(|| held.map(|held| held.tell(&entry)).map_err(|_| Error::from(Fault::Closed)));
    }

    /// Held only so long as the call takes: the table cannot be shared with another thread.
    fn held(&self, handle: &Resource<FileHandle>) -> Option<FileHandle> {
        self.host.table.get(handle).ok().map(FileHandle::share)
    }
}

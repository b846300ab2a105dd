//! Writing whole files.

use astrid_host_context::Entry;

use crate::fault::Fault;
use crate::op_table::{APPEND, WRITE, WRITE_FILE};
use crate::volume::{Content, Written};
use crate::{BYTES_WRITTEN, Error, FILE_BYTES, FsCtxView, MAX_CONTENT};

impl FsCtxView<'_> {
    /// Creates a file or replaces its content, as one step.
    ///
    /// # Errors
    /// [`Fault::TooLarge`] above [`MAX_CONTENT`] or [`BYTES_WRITTEN`]; those of path and grant;
    /// [`Fault::IsDirectory`], [`Fault::NotFound`] without its directory, [`Fault::Quota`].
    pub async fn write_file(&mut self, path: String, content: Vec<u8>) -> Result<(), Error> {
        let entry = self.host.enter(&WRITE_FILE);
        let ctx = &*self.ctx;
        entry
            .run_to_end(async {
                fits(&content)?;
                let site = ctx.site(&entry, WRITE, &path).await?;
                let limit = entry.limit(&BYTES_WRITTEN);
                let mut advance = ctx.spent.take(entry.call().scope(), content.len() as u64, limit)?;
                let work = move |volume: &dyn crate::Volume, at: crate::At<'_>| {
                    let written = volume.replace(at, Content::Bytes(&content))?;
                    advance.used(written.bytes);
                    Ok(written)
                };
                let written = ctx.on(&entry, &site, work).await?;
                describe(&entry, &written);
                Ok(())
            })
            .await
    }

    /// Adds bytes at the end of a file, creating it if need be.
    ///
    /// # Errors
    /// [`Fault::TooLarge`] above [`MAX_CONTENT`], [`FILE_BYTES`] or [`BYTES_WRITTEN`]; those of path
    /// and grant; [`Fault::IsDirectory`], [`Fault::NotFound`] without its directory, [`Fault::Quota`].
    pub async fn append(&mut self, path: String, content: Vec<u8>) -> Result<(), Error> {
        let entry = self.host.enter(&APPEND);
        let ctx = &*self.ctx;
        entry
            .run_to_end(async {
                fits(&content)?;
                let site = ctx.site(&entry, WRITE, &path).await?;
                let (limit, largest) = (entry.limit(&BYTES_WRITTEN), entry.limit(&FILE_BYTES));
                let bytes = content.len() as u64;
                let mut advance = ctx.spent.take(entry.call().scope(), bytes, limit)?;
                let work = move |volume: &dyn crate::Volume, at: crate::At<'_>| {
                    volume.append(at, &content, largest)?;
                    advance.used(bytes);
                    Ok(Written { bytes, digest: Some(blake3::hash(&content)) })
                };
                let written = ctx.on(&entry, &site, work).await?;
                describe(&entry, &written);
                Ok(())
            })
            .await
    }
}

fn fits(content: &[u8]) -> Result<(), Fault> {
    if content.len() > MAX_CONTENT { Err(Fault::TooLarge) } else { Ok(()) }
}

/// What the record may say of content: never its bytes.
pub(super) fn describe(entry: &Entry, written: &Written) {
    entry.moved(usize::try_from(written.bytes).unwrap_or(usize::MAX));
    entry.fact("length", || written.bytes.to_string());
    if let Some(digest) = written.digest {
        entry.fact("blake3", || digest.to_hex().to_string());
    }
}

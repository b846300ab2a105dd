//! Making and removing names.

use crate::op_table::{MKDIR, MKDIR_ALL, REMOVE_DIR_ALL, UNLINK, WRITE};
use crate::{Error, FsCtxView};

impl FsCtxView<'_> {
    /// Creates one directory.
    ///
    /// # Errors
    /// Those of path and grant; [`crate::Fault::AlreadyExists`], [`crate::Fault::NotFound`] without a
    /// parent, [`crate::Fault::NotDirectory`], [`crate::Fault::Quota`].
    pub async fn mkdir(&mut self, path: String) -> Result<(), Error> {
        let entry = self.host.enter(&MKDIR);
        let ctx = &*self.ctx;
        entry
            .run_to_end(async {
                let site = ctx.site(&entry, WRITE, &path).await?;
                ctx.on(&entry, &site, |volume, at| volume.make_dir(at)).await
            })
            .await
    }

    /// Creates a directory and the parents it lacks.
    ///
    /// # Errors
    /// Those of path and grant; [`crate::Fault::AlreadyExists`], [`crate::Fault::NotDirectory`],
    /// [`crate::Fault::Quota`].
    pub async fn mkdir_all(&mut self, path: String) -> Result<(), Error> {
        let entry = self.host.enter(&MKDIR_ALL);
        let ctx = &*self.ctx;
        entry
            .run_to_end(async {
                let site = ctx.site(&entry, WRITE, &path).await?;
                ctx.on(&entry, &site, |volume, at| volume.make_dirs(at)).await
            })
            .await
    }

    /// Removes a name that is no directory; of a link, the link.
    ///
    /// # Errors
    /// Those of path and grant; [`crate::Fault::NotFound`], [`crate::Fault::IsDirectory`].
    pub async fn unlink(&mut self, path: String) -> Result<(), Error> {
        let entry = self.host.enter(&UNLINK);
        let ctx = &*self.ctx;
        entry
            .run_to_end(async {
                let site = ctx.site(&entry, WRITE, &path).await?;
                ctx.on(&entry, &site, |volume, at| volume.unlink(at)).await
            })
            .await
    }

    /// Removes a directory with all it holds and counts the entries, itself included.
    ///
    /// # Errors
    /// Those of path and grant; [`crate::Fault::NotFound`], [`crate::Fault::NotDirectory`],
    /// [`crate::Fault::Access`] for a root, [`crate::Fault::NotEmpty`] if others keep adding.
    pub async fn remove_dir_all(&mut self, path: String) -> Result<u64, Error> {
        let entry = self.host.enter(&REMOVE_DIR_ALL);
        let ctx = &*self.ctx;
        entry
            .run_to_end(async {
                let site = ctx.site(&entry, WRITE, &path).await?;
                let removed = ctx.on(&entry, &site, |volume, at| volume.remove_all(at)).await?;
                entry.fact("count", || removed.to_string());
                Ok(removed)
            })
            .await
    }
}

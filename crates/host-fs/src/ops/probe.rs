//! Looking without reading or changing.

use astrid_host_context::{Entry, Op};

use crate::op_table::{CANONICALIZE, EXISTS, READ, READ_LINK, READDIR, STAT, STAT_SYMLINK};
use crate::volume::FileStat;
use crate::{Error, FsCtx, FsCtxView, MAX_LISTED, fault::Fault};

impl FsCtxView<'_> {
    /// Whether there is something at the path, following links.
    ///
    /// # Errors
    /// Those of path and grant; [`Fault::Access`] and the like where it cannot be told.
    pub async fn exists(&mut self, path: String) -> Result<bool, Error> {
        let entry = self.host.enter(&EXISTS);
        let ctx = &*self.ctx;
        entry
            .run_to_end(async {
                match ctx.look(&entry, &path, true).await {
                    Ok(_) => Ok(true),
                    Err(Error::Fault(Fault::NotFound | Fault::NotDirectory)) => Ok(false),
                    Err(error) => Err(error),
                }
            })
            .await
    }

    /// What is known about the object, following links.
    ///
    /// # Errors
    /// Those of path and grant; [`Fault::NotFound`].
    pub async fn stat(&mut self, path: String) -> Result<FileStat, Error> {
        self.probe(&STAT, path, true).await
    }

    /// What is known about the object, which may be a link itself.
    ///
    /// # Errors
    /// Those of path and grant; [`Fault::NotFound`].
    pub async fn stat_symlink(&mut self, path: String) -> Result<FileStat, Error> {
        self.probe(&STAT_SYMLINK, path, false).await
    }

    async fn probe(&mut self, op: &'static Op, path: String, follow: bool) -> Result<FileStat, Error> {
        let entry = self.host.enter(op);
        let ctx = &*self.ctx;
        entry.run_to_end(ctx.look(&entry, &path, follow)).await
    }

    /// The names in a directory, sorted by bytes.
    ///
    /// # Errors
    /// Those of path and grant; [`Fault::TooLarge`] above [`MAX_LISTED`], [`Fault::NotDirectory`].
    pub async fn read_dir(&mut self, path: String) -> Result<Vec<String>, Error> {
        let entry = self.host.enter(&READDIR);
        let ctx = &*self.ctx;
        entry
            .run_to_end(async {
                let site = ctx.site(&entry, READ, &path).await?;
                ctx.on(&entry, &site, |volume, at| volume.list(at, MAX_LISTED)).await
            })
            .await
    }

    /// The path with links and `..` resolved, in its canonical spelling.
    ///
    /// # Errors
    /// Those of path and grant; [`Fault::NotFound`].
    pub async fn canonicalize(&mut self, path: String) -> Result<String, Error> {
        let entry = self.host.enter(&CANONICALIZE);
        let ctx = &*self.ctx;
        entry
            .run_to_end(async {
                let site = ctx.site(&entry, READ, &path).await?;
                let relative = ctx.on(&entry, &site, |volume, at| volume.canonicalize(at)).await?;
                Ok(format!("{}{relative}", site.path().scheme().prefix()))
            })
            .await
    }

    /// Where a link points, as a path of this package.
    ///
    /// # Errors
    /// Those of path and grant; [`Fault::InvalidPath`] for anything but a link.
    pub async fn read_link(&mut self, path: String) -> Result<String, Error> {
        let entry = self.host.enter(&READ_LINK);
        let ctx = &*self.ctx;
        entry
            .run_to_end(async {
                let site = ctx.site(&entry, READ, &path).await?;
                let relative = ctx.on(&entry, &site, |volume, at| volume.read_link(at)).await?;
                Ok(format!("{}{relative}", site.path().scheme().prefix()))
            })
            .await
    }
}

impl FsCtx {
    async fn look(&self, entry: &Entry, path: &str, follow: bool) -> Result<FileStat, Error> {
        let site = self.site(entry, READ, path).await?;
        if let Some(known) = site.volume().try_stat(site.path(), follow) {
            return site.settle(entry, known);
        }
        self.on(entry, &site, move |volume, at| volume.stat(at, follow)).await
    }
}

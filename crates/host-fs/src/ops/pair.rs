//! Functions of two paths.

use astrid_host_context::{Action, Entry, Target};

use super::write::describe;
use crate::ctx::parse;
use crate::fault::Fault;
use crate::op_table::{COPY, HARD_LINK, READ, RENAME, WRITE};
use crate::site::Site;
use crate::volume::{Content, OpenMode, Written};
use crate::{BYTES_WRITTEN, Error, FsCtx, FsCtxView};

impl FsCtxView<'_> {
    /// Copies a file with its permission bits, replacing any at `to` as one step.
    ///
    /// # Errors
    /// Those of paths and grants; [`Fault::NotFound`], [`Fault::IsDirectory`], [`Fault::Access`] for
    /// special files, [`Fault::TooLarge`] above [`BYTES_WRITTEN`], [`Fault::Quota`].
    pub async fn copy(&mut self, from: String, to: String) -> Result<(), Error> {
        let entry = self.host.enter(&COPY);
        let ctx = &*self.ctx;
        entry
            .run_to_end(async {
                let pair = ctx.pair(&entry, READ, [&from, &to], true).await?;
                let limit = entry.limit(&BYTES_WRITTEN);
                let (spent, scope) = (ctx.spent.clone(), entry.call().scope());
                let copy = move |from: &Site, to: &Site| {
                    let source = from.volume().open(from.at(), OpenMode::Read)?;
                    let mut advance = spent.take(scope, source.stat()?.size, limit)?;
                    let written = to.volume().replace(to.at(), Content::File(&*source))?;
                    advance.used(written.bytes);
                    Ok(written)
                };
                let written: Written = ctx.on_both(&entry, pair, copy).await?;
                describe(&entry, &written);
                Ok(())
            })
            .await
    }

    /// Renames within one place; follows no link at either end.
    ///
    /// # Errors
    /// Those of paths and grants; [`Fault::CrossVfs`], [`Fault::NotFound`], [`Fault::NotEmpty`],
    /// [`Fault::IsDirectory`], [`Fault::NotDirectory`], [`Fault::Access`] for a root.
    pub async fn rename(&mut self, from: String, to: String) -> Result<(), Error> {
        let entry = self.host.enter(&RENAME);
        let ctx = &*self.ctx;
        entry
            .run_to_end(async {
                let pair = ctx.pair(&entry, WRITE, [&from, &to], false).await?;
                let rename = |from: &Site, to: &Site| from.volume().rename(from.at(), to.at());
                ctx.on_both(&entry, pair, rename).await
            })
            .await
    }

    /// Gives a regular file a second name in the same place.
    ///
    /// # Errors
    /// Those of paths and grants; [`Fault::CrossVfs`], [`Fault::NotFound`], [`Fault::AlreadyExists`],
    /// [`Fault::IsDirectory`], [`Fault::Access`] for special files.
    pub async fn hard_link(&mut self, from: String, to: String) -> Result<(), Error> {
        let entry = self.host.enter(&HARD_LINK);
        let ctx = &*self.ctx;
        entry
            .run_to_end(async {
                let pair = ctx.pair(&entry, WRITE, [&from, &to], false).await?;
                let link = |from: &Site, to: &Site| from.volume().link(from.at(), to.at());
                ctx.on_both(&entry, pair, link).await
            })
            .await
    }
}

impl FsCtx {
    /// What is decided before a file is touched, for both paths: syntax of both first.
    async fn pair(
        &self,
        entry: &Entry,
        first: Action,
        [from, to]: [&str; 2],
        across: bool,
    ) -> Result<[Site; 2], Error> {
        let (from, to) = (parse(entry, from)?, parse(entry, to)?);
        if !across && from.scheme() != to.scheme() {
            return Err(Fault::CrossVfs.into());
        }
        let (written, second) = (from.spelling().to_owned(), to.spelling().to_owned());
        entry.fact("to", || second);
        let from = self.granted(entry, first, from).await?;
        let to = self.granted(entry, WRITE, to).await;
        entry.target(Target::Path(&written));
        Ok([from, to?])
    }

    async fn on_both<T: Send + 'static>(
        &self,
        entry: &Entry,
        [from, to]: [Site; 2],
        work: impl FnOnce(&Site, &Site) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Error> {
        let both = (from.clone(), to.clone());
        let result = self.pool.run(entry, move || work(&both.0, &both.1)).await.flatten();
        // Whichever was refused has the reason; the record names the source last.
        match to.settle(entry, result) {
            Err(Error::Fault(fault)) => from.settle(entry, Err(fault)),
            Err(error) => Err(error),
            Ok(value) => from.settle(entry, Ok(value)),
        }
        .inspect(|_| entry.target(Target::Path(&from.spelling())))
    }
}

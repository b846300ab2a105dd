//! The functions that read a namespace. A cancelled call drops them where they wait.

use astrid_host_context::Target;

use crate::op_table::{GET, GET_SAMPLED, LIST_KEYS, LIST_KEYS_PAGE};
use crate::{Cursor, Error, Key, KvCtxView, MAX_LISTED, Page, Prefix, Value};

impl KvCtxView<'_> {
    /// The value of a key, or none; a stored empty value is not none.
    ///
    /// # Errors
    /// [`Error::InvalidKey`]; or the backend or the envelope failed.
    pub async fn get(&mut self, key: String) -> Result<Option<Value>, Error> {
        let op = self.ctx.sample(&GET, &GET_SAMPLED);
        let entry = self.host.enter(op);
        let ctx = &*self.ctx;
        let result = entry
            .run(async {
                let key = Key::parse(key)?;
                entry.target(Target::Key(key.as_str()));
                let scope = entry.call().scope();
                let value = ctx.serving(&scope).get(&scope, &key).await?;
                entry.moved(value.as_ref().map_or(0, |value| value.len()));
                Ok(value)
            })
            .await;
        if op == &GET_SAMPLED {
            // An event replaces the count of the envelope, and the counter must not miss a read.
            let bytes = result.as_ref().ok().and_then(Option::as_ref).map_or(0, |value| value.len());
            let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
            self.host.services.audit().count(&GET, &entry.subject(), bytes);
        }
        result
    }

    /// All keys with the prefix, ascending by bytes, as of one moment.
    ///
    /// # Errors
    /// [`Error::InvalidKey`]; [`Error::TooManyKeys`] above [`MAX_LISTED`]; or the backend or the
    /// envelope failed.
    pub async fn list_keys(&mut self, prefix: String) -> Result<Vec<String>, Error> {
        let entry = self.host.enter(&LIST_KEYS);
        let ctx = &*self.ctx;
        entry
            .run(async {
                let prefix = Prefix::parse(prefix)?;
                let scope = entry.call().scope();
                let page = ctx.serving(&scope).page(&scope, &prefix, None, MAX_LISTED).await?;
                entry.moved(page.keys.iter().map(String::len).sum());
                if page.more { Err(Error::TooManyKeys) } else { Ok(page.keys) }
            })
            .await
    }

    /// One page of the keys with the prefix that come after the cursor. A `limit` of 0, and any above
    /// [`MAX_LISTED`], means [`MAX_LISTED`]. The next cursor is the page's last key, if
    /// [`Page::more`] says that another follows.
    ///
    /// # Errors
    /// [`Error::InvalidKey`]; or the backend or the envelope failed.
    pub async fn list_keys_page(
        &mut self,
        prefix: String,
        cursor: Option<String>,
        limit: u32,
    ) -> Result<Page, Error> {
        let entry = self.host.enter(&LIST_KEYS_PAGE);
        let ctx = &*self.ctx;
        entry
            .run(async {
                let prefix = Prefix::parse(prefix)?;
                let cursor = cursor.map(Cursor::parse).transpose()?;
                let limit = match usize::try_from(limit) {
                    Ok(limit @ 1..MAX_LISTED) => limit,
                    _ => MAX_LISTED,
                };
                let scope = entry.call().scope();
                let page = ctx.serving(&scope).page(&scope, &prefix, cursor.as_ref(), limit).await?;
                entry.moved(page.keys.iter().map(String::len).sum());
                Ok(page)
            })
            .await
    }
}

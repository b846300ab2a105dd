//! The functions that change a namespace. Each runs to its true outcome once the backend has it.

use astrid_host_context::{Entry, Target};

use crate::op_table::{CAS, CLEAR_PREFIX, DELETE, SET};
use crate::{
    Applied, Error, Key, KvCtx, KvCtxView, Limits, MAX_VALUE, Mutation, NAMESPACE_BYTES, NAMESPACE_KEYS,
    Prefix, Terms, Value,
};

impl KvCtxView<'_> {
    /// Stores a value, replacing any earlier one as a whole.
    ///
    /// # Errors
    /// [`Error::InvalidKey`], [`Error::ValueTooLarge`], [`Error::Quota`], in this order; or the
    /// backend or the envelope failed.
    pub async fn set(&mut self, key: String, value: Value) -> Result<(), Error> {
        let entry = self.host.enter(&SET);
        let ctx = &*self.ctx;
        entry
            .run_to_end(async {
                let key = Key::parse(key)?;
                entry.target(Target::Key(key.as_str()));
                describe(&entry, &value);
                fits(&value)?;
                ctx.apply(&entry, Mutation::Set { key, value }).await.map(drop)
            })
            .await
    }

    /// Removes a key, whether or not it exists.
    ///
    /// # Errors
    /// [`Error::InvalidKey`]; or the backend or the envelope failed.
    pub async fn delete(&mut self, key: String) -> Result<(), Error> {
        let entry = self.host.enter(&DELETE);
        let ctx = &*self.ctx;
        entry
            .run_to_end(async {
                let key = Key::parse(key)?;
                entry.target(Target::Key(key.as_str()));
                ctx.apply(&entry, Mutation::Delete { key }).await.map(drop)
            })
            .await
    }

    /// Removes every key with the prefix in one step, and says how many.
    ///
    /// # Errors
    /// [`Error::InvalidKey`]; or the backend or the envelope failed.
    pub async fn clear_prefix(&mut self, prefix: String) -> Result<u64, Error> {
        let entry = self.host.enter(&CLEAR_PREFIX);
        let ctx = &*self.ctx;
        entry
            .run_to_end(async {
                let prefix = Prefix::parse(prefix)?;
                entry.target(Target::Key(prefix.as_str()));
                let count = ctx.apply(&entry, Mutation::Clear { prefix }).await?;
                entry.fact("count", || count.to_string());
                Ok(count)
            })
            .await
    }

    /// Stores `new` if the present state is `expected`, where none is absence.
    ///
    /// # Errors
    /// [`Error::InvalidKey`], [`Error::ValueTooLarge`], [`Error::CasMismatch`], [`Error::Quota`], in
    /// this order; or the backend or the envelope failed.
    pub async fn cas(&mut self, key: String, expected: Option<Value>, new: Value) -> Result<(), Error> {
        let entry = self.host.enter(&CAS);
        let ctx = &*self.ctx;
        entry
            .run_to_end(async {
                let key = Key::parse(key)?;
                entry.target(Target::Key(key.as_str()));
                describe(&entry, &new);
                fits(&new)?;
                if expected.as_ref().is_some_and(|expected| fits(expected).is_err()) {
                    return Err(Error::CasMismatch); // no stored value is that long
                }
                ctx.apply(&entry, Mutation::Cas { key, expected, new }).await.map(drop)
            })
            .await
    }
}

impl KvCtx {
    async fn apply(&self, entry: &Entry, mutation: Mutation) -> Result<u64, Error> {
        let scope = entry.call().scope();
        debug_assert_eq!(scope.principal.as_ref(), entry.call().principal());
        let limits = Limits { bytes: entry.limit(&NAMESPACE_BYTES), keys: entry.limit(&NAMESPACE_KEYS) };
        // A refusing sink must not change which error wins: comparison and quota come before it.
        let recordable = entry.recordable();
        let terms = Terms { limits, rehearse: recordable.is_err() };
        // Until it is queued a mutation can be given up; from then on its outcome is awaited.
        let receipt = entry.race(self.serving(&scope).apply(&scope, mutation, terms)).await??;
        match receipt.await? {
            Applied::Done(count) => Ok(recordable.map(|()| count)?),
            Applied::Mismatch => Err(Error::CasMismatch),
            Applied::OverQuota => Err(Error::Quota),
        }
    }
}

fn fits(value: &Value) -> Result<(), Error> {
    if value.len() > MAX_VALUE { Err(Error::ValueTooLarge(value.len())) } else { Ok(()) }
}

/// What the record may say of a value: never its bytes.
fn describe(entry: &Entry, value: &Value) {
    entry.moved(value.len());
    entry.fact("length", || value.len().to_string());
    // A value that will be refused is not worth hashing: its length is the guest's to choose.
    if value.len() <= MAX_VALUE {
        entry.digest("blake3", value);
    }
}

//! The face of `astrid:kv@1.0.0`: conversion only.

/// What `bindgen!` makes of the frozen file.
pub mod bindings {
    #![expect(missing_docs, reason = "generated from the WIT file, which says what things are")]

    wasmtime::component::bindgen!({
        path: "wit",
        interfaces: "import astrid:kv/host@1.0.0;",
        imports: { default: async },
    });
}

use bindings::astrid::kv::host::{ErrorCode, Host, KeyPage};

use crate::error::arms;
use crate::{Error, KvCtxView, Page};

impl Host for KvCtxView<'_> {
    async fn kv_get(&mut self, key: String) -> Result<Option<Vec<u8>>, ErrorCode> {
        Ok(self.get(key).await?.map(|value| value.to_vec()))
    }

    async fn kv_set(&mut self, key: String, value: Vec<u8>) -> Result<(), ErrorCode> {
        Ok(self.set(key, value.into()).await?)
    }

    async fn kv_delete(&mut self, key: String) -> Result<(), ErrorCode> {
        Ok(self.delete(key).await?)
    }

    async fn kv_list_keys(&mut self, prefix: String) -> Result<Vec<String>, ErrorCode> {
        Ok(self.list_keys(prefix).await?)
    }

    async fn kv_list_keys_page(
        &mut self,
        prefix: String,
        cursor: Option<String>,
        limit: u32,
    ) -> Result<KeyPage, ErrorCode> {
        Ok(self.list_keys_page(prefix, cursor, limit).await?.into())
    }

    async fn kv_clear_prefix(&mut self, prefix: String) -> Result<u64, ErrorCode> {
        Ok(self.clear_prefix(prefix).await?)
    }

    async fn kv_cas(
        &mut self,
        key: String,
        expected: Option<Vec<u8>>,
        new: Vec<u8>,
    ) -> Result<(), ErrorCode> {
        Ok(self.cas(key, expected.map(Into::into), new.into()).await?)
    }
}

impl From<Page> for KeyPage {
    fn from(Page { keys, more }: Page) -> Self {
        let next_cursor = if more { keys.last().cloned() } else { None };
        Self { keys, next_cursor }
    }
}

impl From<Error> for ErrorCode {
    fn from(error: Error) -> Self {
        match arms::V1_0::from(&error) {
            arms::V1_0::InvalidKey => Self::InvalidKey,
            arms::V1_0::TooLarge => Self::TooLarge,
            arms::V1_0::Quota => Self::Quota,
            arms::V1_0::CasMismatch => Self::CasMismatch,
            arms::V1_0::Unknown(text) => Self::Unknown(text.to_owned()),
        }
    }
}

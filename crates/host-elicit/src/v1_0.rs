//! The face of `astrid:elicit@1.0.0`: conversion only.

/// What `bindgen!` makes of the frozen file.
pub mod bindings {
    #![expect(missing_docs, reason = "generated from the WIT file, which says what things are")]

    wasmtime::component::bindgen!({
        path: "wit",
        interfaces: "import astrid:elicit/host@1.0.0;",
        imports: { default: async },
    });
}

use bindings::astrid::elicit::host::{ElicitRequest, ElicitResponse, ElicitType, ErrorCode, Host};

use crate::error::arms;
use crate::{AnswerText, ElicitCtxView, Elicitation, Error, Kind, Response};

impl Host for ElicitCtxView<'_> {
    async fn elicit(&mut self, request: ElicitRequest) -> Result<ElicitResponse, ErrorCode> {
        Ok(ElicitCtxView::elicit(self, request.into()).await?.into())
    }

    async fn has_secret(&mut self, key: String) -> Result<bool, ErrorCode> {
        Ok(ElicitCtxView::has_secret(self, &key).await?)
    }
}

impl From<ElicitRequest> for Elicitation {
    fn from(request: ElicitRequest) -> Self {
        let ElicitRequest { kind, key, description, options, default_value } = request;
        let kind = match kind {
            ElicitType::Text => Kind::Text,
            ElicitType::Secret => Kind::Secret,
            ElicitType::Select => Kind::Select,
            ElicitType::Array => Kind::Array,
        };
        Self { kind, key, description, options, default: default_value }
    }
}

impl From<Response> for ElicitResponse {
    fn from(response: Response) -> Self {
        match response {
            Response::Value(text) => Self::Value(text.into_string()),
            Response::Values(texts) => Self::Values(texts.into_iter().map(AnswerText::into_string).collect()),
            Response::SecretStored => Self::SecretStored,
        }
    }
}

impl From<Error> for ErrorCode {
    fn from(error: Error) -> Self {
        match arms::V1_0::from(&error) {
            arms::V1_0::NotInLifecycle => Self::NotInLifecycle,
            arms::V1_0::Timeout => Self::Timeout,
            arms::V1_0::Cancelled => Self::Cancelled,
            arms::V1_0::InvalidInput => Self::InvalidInput,
            arms::V1_0::StoreUnavailable => Self::StoreUnavailable,
            arms::V1_0::Unknown(text) => Self::Unknown(text.to_owned()),
        }
    }
}

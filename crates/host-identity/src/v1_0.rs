//! The face of `astrid:identity@1.0.0`: conversion only.

/// What `bindgen!` makes of the frozen file.
pub mod bindings {
    #![expect(missing_docs, reason = "generated from the WIT file, which says what things are")]

    wasmtime::component::bindgen!({
        path: "wit",
        interfaces: "import astrid:identity/host@1.0.0;",
        imports: { default: async },
    });
}

use bindings::astrid::identity::host::{
    ErrorCode, Host, IdentityCreateUserRequest, IdentityCreateUserResponse, IdentityLinkRequest,
    IdentityResolveRequest, IdentityResolveResponse, IdentityUnlinkRequest, PlatformLink,
};

use crate::error::arms;
use crate::{Error, Found, IdentityCtxView, Link};

impl Host for IdentityCtxView<'_> {
    async fn identity_resolve(
        &mut self,
        request: IdentityResolveRequest,
    ) -> Result<IdentityResolveResponse, ErrorCode> {
        let IdentityResolveRequest { platform, platform_user_id } = request;
        Ok((&*self.resolve(&platform, &platform_user_id).await?).into())
    }

    async fn identity_link(&mut self, request: IdentityLinkRequest) -> Result<(), ErrorCode> {
        let IdentityLinkRequest { platform, platform_user_id, astrid_user_id, method } = request;
        Ok(self.link(&platform, &platform_user_id, &astrid_user_id, &method).await?)
    }

    async fn identity_unlink(&mut self, request: IdentityUnlinkRequest) -> Result<(), ErrorCode> {
        let IdentityUnlinkRequest { platform, platform_user_id } = request;
        Ok(self.unlink(&platform, &platform_user_id).await?)
    }

    async fn identity_create_user(
        &mut self,
        request: IdentityCreateUserRequest,
    ) -> Result<IdentityCreateUserResponse, ErrorCode> {
        let user = self.create_user(request.display_name.as_deref()).await?;
        Ok(IdentityCreateUserResponse { user_id: user.to_string() })
    }

    async fn identity_list_links(&mut self, astrid_user_id: String) -> Result<Vec<PlatformLink>, ErrorCode> {
        let links = self.list_links(&astrid_user_id).await?;
        Ok(links.into_iter().map(PlatformLink::from).collect())
    }
}

impl From<&Found> for IdentityResolveResponse {
    fn from(found: &Found) -> Self {
        let display_name = found.user.display_name.as_ref().map(|name| name.as_str().to_owned());
        Self { user_id: found.user.id.to_string(), display_name }
    }
}

impl From<Link> for PlatformLink {
    fn from(link: Link) -> Self {
        Self {
            platform: link.account.platform.to_string(),
            platform_user_id: link.account.user.to_string(),
            linked_at: link.linked_at.to_string(),
            method: link.method.as_str().to_owned(),
        }
    }
}

impl From<Error> for ErrorCode {
    fn from(error: Error) -> Self {
        match arms::V1_0::from(&error) {
            arms::V1_0::CapabilityDenied => Self::CapabilityDenied,
            arms::V1_0::InvalidInput => Self::InvalidInput,
            arms::V1_0::UserNotFound => Self::UserNotFound,
            arms::V1_0::LinkNotFound => Self::LinkNotFound,
            arms::V1_0::AlreadyLinked => Self::AlreadyLinked,
            arms::V1_0::StoreUnavailable => Self::StoreUnavailable,
            arms::V1_0::Unknown(text) => Self::Unknown(text.to_owned()),
        }
    }
}

//! The face of `astrid:uplink@1.0.0`: conversion only.

/// What `bindgen!` makes of the frozen file.
pub mod bindings {
    #![expect(missing_docs, reason = "generated from the WIT file, which says what things are")]

    wasmtime::component::bindgen!({
        path: "wit",
        interfaces: "import astrid:uplink/host@1.0.0;",
        imports: { default: async },
    });
}

use bindings::astrid::uplink::host::{ErrorCode, Host, UplinkProfile};

use crate::error::arms;
use crate::{Error, Profile, UplinkCtxView};

impl Host for UplinkCtxView<'_> {
    async fn uplink_register(
        &mut self,
        name: String,
        platform: String,
        profile: UplinkProfile,
    ) -> Result<String, ErrorCode> {
        Ok(self.register(&name, &platform, profile.into())?.to_string())
    }

    async fn uplink_send(
        &mut self,
        uplink_id: String,
        platform_user_id: String,
        content: String,
    ) -> Result<bool, ErrorCode> {
        Ok(self.send(&uplink_id, &platform_user_id, content).await?)
    }
}

impl From<UplinkProfile> for Profile {
    fn from(profile: UplinkProfile) -> Self {
        match profile {
            UplinkProfile::Chat => Self::Chat,
            UplinkProfile::Interactive => Self::Interactive,
            UplinkProfile::Notify => Self::Notify,
            UplinkProfile::Bridge => Self::Bridge,
        }
    }
}

impl From<Error> for ErrorCode {
    fn from(error: Error) -> Self {
        match arms::V1_0::from(&error) {
            arms::V1_0::CapabilityDenied => Self::CapabilityDenied,
            arms::V1_0::InvalidInput => Self::InvalidInput,
            arms::V1_0::InvalidProfile => Self::InvalidProfile,
            arms::V1_0::UnknownUplink => Self::UnknownUplink,
            arms::V1_0::Quota => Self::Quota,
            arms::V1_0::Unknown(text) => Self::Unknown(text.to_owned()),
        }
    }
}

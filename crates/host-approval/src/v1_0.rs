//! The face of `astrid:approval@1.0.0`: conversion only.

/// What `bindgen!` makes of the frozen file.
pub mod bindings {
    #![expect(missing_docs, reason = "generated from the WIT file, which says what things are")]

    wasmtime::component::bindgen!({
        path: "wit",
        interfaces: "import astrid:approval/host@1.0.0;",
        imports: { default: async },
    });
}

use bindings::astrid::approval::host::{
    ApprovalDecision, ApprovalRequest, ApprovalResponse, ErrorCode, Host,
};

use crate::error::arms;
use crate::{ApprovalCtxView, Decision, Error};

impl Host for ApprovalCtxView<'_> {
    async fn request_approval(&mut self, request: ApprovalRequest) -> Result<ApprovalResponse, ErrorCode> {
        let ApprovalRequest { action, target_resource } = request;
        let decision = ApprovalCtxView::request_approval(self, &action, &target_resource).await?;
        Ok(ApprovalResponse { decision: decision.into() })
    }
}

impl From<Decision> for ApprovalDecision {
    fn from(decision: Decision) -> Self {
        match decision {
            Decision::Denied => Self::Denied,
            Decision::Approved => Self::Approved,
            Decision::ApprovedSession => Self::ApprovedSession,
            Decision::ApprovedAlways => Self::ApprovedAlways,
            Decision::Allowance => Self::Allowance,
        }
    }
}

impl From<Error> for ErrorCode {
    fn from(error: Error) -> Self {
        match arms::V1_0::from(&error) {
            arms::V1_0::InvalidInput => Self::InvalidInput,
            arms::V1_0::Timeout => Self::Timeout,
            arms::V1_0::StoreUnavailable => Self::StoreUnavailable,
            arms::V1_0::Unknown(text) => Self::Unknown(text.to_owned()),
        }
    }
}

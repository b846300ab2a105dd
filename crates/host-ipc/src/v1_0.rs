//! The face of `astrid:ipc@1.0.0`: generated bindings, and conversion to and from the engine.
#![expect(missing_docs, reason = "generated from the WIT file, which says what things are")]

use astrid_event_bus::{Envelope, Message};
use astrid_host_context::Attribution;
use astrid_host_io::Pollable;
use wasmtime::component::Resource;

use self::astrid::ipc::host;
use crate::error::arms;
use crate::{Error, IpcCtxView, Subscription};

wasmtime::component::bindgen!({
    path: "wit",
    interfaces: "import astrid:ipc/host@1.0.0;",
    imports: {
        "astrid:ipc/host@1.0.0.publish": async | trappable,
        "astrid:ipc/host@1.0.0.publish-as": async | trappable,
        "astrid:ipc/host@1.0.0.[method]subscription.recv": async | trappable,
        default: trappable,
    },
    trappable_error_type: { "astrid:ipc/host@1.0.0.error-code" => crate::Error },
    with: {
        "astrid:io": astrid_host_io::v1_0::astrid::io,
        "astrid:ipc/host@1.0.0.subscription": crate::Subscription,
    },
});

impl host::Host for IpcCtxView<'_> {
    async fn publish(&mut self, topic: String, payload: String) -> Result<(), Error> {
        IpcCtxView::publish(self, &topic, payload).await
    }

    async fn publish_as(&mut self, topic: String, payload: String, principal: String) -> Result<(), Error> {
        IpcCtxView::publish_as(self, &topic, payload, &principal).await
    }

    fn subscribe(&mut self, topic_pattern: String) -> Result<Resource<Subscription>, Error> {
        IpcCtxView::subscribe(self, &topic_pattern)
    }

    fn get_interceptor_bindings(&mut self) -> Result<Vec<host::InterceptorBinding>, Error> {
        let bindings = self.interceptor_bindings()?;
        let convert = |(handle_id, handler): (u64, crate::Handler)| host::InterceptorBinding {
            handle_id,
            action: handler.action,
            topic: handler.topic,
        };
        Ok(bindings.into_iter().map(convert).collect())
    }

    fn convert_error_code(&mut self, error: Error) -> wasmtime::Result<host::ErrorCode> {
        Ok(match error.into() {
            arms::V1_0::CapabilityDenied => host::ErrorCode::CapabilityDenied,
            arms::V1_0::InvalidInput => host::ErrorCode::InvalidInput,
            arms::V1_0::Closed => host::ErrorCode::Closed,
            arms::V1_0::RateLimited => host::ErrorCode::RateLimited,
            arms::V1_0::Backpressure => host::ErrorCode::Backpressure,
            arms::V1_0::Quota => host::ErrorCode::Quota,
            arms::V1_0::Timeout => host::ErrorCode::Timeout,
            arms::V1_0::Unknown(text) => host::ErrorCode::Unknown(text.to_owned()),
            arms::V1_0::Trap(error) => return Err(error.into()),
        })
    }
}

impl host::HostSubscription for IpcCtxView<'_> {
    fn poll(&mut self, this: Resource<Subscription>) -> Result<host::IpcEnvelope, Error> {
        IpcCtxView::poll(self, &this).map(envelope)
    }

    async fn recv(
        &mut self,
        this: Resource<Subscription>,
        timeout_ms: u64,
    ) -> Result<host::IpcEnvelope, Error> {
        IpcCtxView::recv(self, &this, timeout_ms).await.map(envelope)
    }

    fn subscribe_readiness(&mut self, this: Resource<Subscription>) -> wasmtime::Result<Resource<Pollable>> {
        Ok(IpcCtxView::subscribe_readiness(self, &this)?)
    }

    fn drop(&mut self, this: Resource<Subscription>) -> wasmtime::Result<()> {
        Ok(self.unsubscribe(this)?)
    }
}

fn envelope(envelope: Envelope) -> host::IpcEnvelope {
    let Envelope { messages, dropped, lagged } = envelope;
    host::IpcEnvelope { messages: messages.iter().map(message).collect(), dropped, lagged }
}

fn message(message: &Message) -> host::IpcMessage {
    host::IpcMessage {
        topic: message.topic().as_str().to_owned(),
        payload: message.payload().as_str().to_owned(),
        source_id: message.source().to_string(),
        principal: match &message.provenance().attribution {
            Attribution::Verified(p) => host::PrincipalAttribution::Verified(p.as_str().to_owned()),
            Attribution::Claimed(p) => host::PrincipalAttribution::Claimed(p.as_str().to_owned()),
            Attribution::System => host::PrincipalAttribution::System,
        },
    }
}

//! The face of `astrid:sys@1.0.0`: conversion only.

/// What `bindgen!` makes of the frozen file.
pub mod bindings {
    #![expect(missing_docs, reason = "generated from the WIT file, which says what things are")]

    wasmtime::component::bindgen!({
        path: "wit",
        interfaces: "import astrid:sys/host@1.0.0;",
        imports: {
            "astrid:sys/host@1.0.0.get-config": async,
            "astrid:sys/host@1.0.0.sleep-ns": async,
        },
    });
}

use bindings::astrid::sys::host::{
    CallerContext, CapabilityCheckRequest, CapabilityCheckResponse, ErrorCode, Host, LogLevel,
};

use crate::error::arms;
use crate::{Error, SysCtxView};

impl Host for SysCtxView<'_> {
    async fn get_config(&mut self, key: String) -> Result<Option<String>, ErrorCode> {
        Ok(SysCtxView::get_config(self, &key).await?)
    }

    fn get_caller(&mut self) -> Result<CallerContext, ErrorCode> {
        let crate::CallerInfo { principal, source_id, timestamp } = SysCtxView::get_caller(self);
        Ok(CallerContext { principal, source_id, timestamp })
    }

    fn log(&mut self, level: LogLevel, message: String) {
        SysCtxView::log(self, level.into(), &message);
    }

    fn signal_ready(&mut self) {
        SysCtxView::signal_ready(self);
    }

    fn clock_ms(&mut self) -> u64 {
        SysCtxView::clock_ms(self)
    }

    fn clock_monotonic_ns(&mut self) -> u64 {
        SysCtxView::clock_monotonic_ns(self)
    }

    async fn sleep_ns(&mut self, duration_ns: u64) -> Result<(), ErrorCode> {
        Ok(self.sleep(duration_ns).await?)
    }

    fn random_bytes(&mut self, length: u64) -> Result<Vec<u8>, ErrorCode> {
        Ok(SysCtxView::random_bytes(self, length)?)
    }

    fn check_capsule_capability(
        &mut self,
        request: CapabilityCheckRequest,
    ) -> Result<CapabilityCheckResponse, ErrorCode> {
        let allowed = self.check_capability(&request.source_uuid, &request.capability)?;
        Ok(CapabilityCheckResponse { allowed })
    }

    fn enumerate_capabilities(&mut self) -> Vec<String> {
        SysCtxView::enumerate_capabilities(self)
    }
}

impl From<LogLevel> for crate::LogLevel {
    fn from(level: LogLevel) -> Self {
        match level {
            LogLevel::Trace => Self::Trace,
            LogLevel::Debug => Self::Debug,
            LogLevel::Info => Self::Info,
            LogLevel::Warn => Self::Warn,
            LogLevel::Error => Self::Error,
        }
    }
}

impl From<Error> for ErrorCode {
    fn from(error: Error) -> Self {
        match arms::V1_0::from(&error) {
            arms::V1_0::CapabilityDenied => Self::CapabilityDenied,
            arms::V1_0::ConfigKeyReserved => Self::ConfigKeyReserved,
            arms::V1_0::TooLarge => Self::TooLarge,
            arms::V1_0::RegistryUnavailable => Self::RegistryUnavailable,
            arms::V1_0::Cancelled => Self::Cancelled,
            arms::V1_0::Unknown(text) => Self::Unknown(text.to_owned()),
        }
    }
}

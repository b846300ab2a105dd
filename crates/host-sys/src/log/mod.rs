//! Where log lines go.

mod files;
pub(crate) mod folder;
mod line;
mod queue;
mod rate;
mod router;
mod settings;

use std::time::SystemTime;

use astrid_host_context::{CapsuleId, Principal};

pub(crate) use line::{MAX_MESSAGE, marked};
pub use router::LogRouter;
pub use settings::LogSettings;

/// How important a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LogLevel {
    /// Every step.
    Trace,
    /// For whoever debugs the capsule.
    Debug,
    /// What happened.
    Info,
    /// What should not have.
    Warn,
    /// What failed.
    Error,
}

impl LogLevel {
    /// The word in a log line.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Trace => "TRACE",
            Self::Debug => "DEBUG",
            Self::Info => "INFO",
            Self::Warn => "WARN",
            Self::Error => "ERROR",
        }
    }
}

/// One call of `log`: redacted and cut, not yet escaped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// Whose line it is.
    pub principal: Option<Principal>,
    /// The capsule that logs.
    pub capsule: CapsuleId,
    /// How important.
    pub level: LogLevel,
    /// The message.
    pub text: String,
    /// When it was logged.
    pub at: SystemTime,
}

/// Takes lines. Called on a runtime worker: it must not wait for a disk, and is bounded in memory.
pub trait LogSink: Send + Sync {
    /// Takes one line.
    fn write(&self, line: LogLine);
}

/// Every line as a `tracing` event of target `astrid.capsule`, the host's own log.
#[derive(Debug, Clone, Copy, Default)]
pub struct TracingLog;

impl LogSink for TracingLog {
    fn write(&self, line: LogLine) {
        let principal = line.principal.as_ref().map(Principal::as_str);
        let (capsule, message) = (line.capsule.as_str(), line::escape(&line.text));
        macro_rules! emit {
            ($level:ident) => {
                tracing::$level!(target: "astrid.capsule", capsule, principal, "{message}")
            };
        }
        match line.level {
            LogLevel::Trace => emit!(trace),
            LogLevel::Debug => emit!(debug),
            LogLevel::Info => emit!(info),
            LogLevel::Warn => emit!(warn),
            LogLevel::Error => emit!(error),
        }
    }
}

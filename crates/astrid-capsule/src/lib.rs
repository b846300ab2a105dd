//! The façade over every astrid host package, and, with the default feature `runtime`, the runtime
//! that boots capsules from their `Capsule.toml`.
//!
//! Alone (`default-features = false`) this crate is [`Kernel::add_to_linker`]: one call that links every
//! package of [`PACKAGES`] into a kernel of yours, whose store data implements [`KernelView`].
//!
//! With the runtime:
//!
//! ```no_run
//! use astrid_capsule::{HookPhase, Runtime, SearchPath};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let runtime = Runtime::builder().home("/var/lib/capsules").workspace(".").build().await?;
//!
//! // For an installer of your own: what the capsule's hook stores is there from the commit on.
//! let installed = runtime.run_hook("examples/notes", runtime.owner(), HookPhase::Install).await?;
//! installed.commit().await?;
//! let notes = runtime.load("examples/notes").await?;
//!
//! // Or a whole set, in the order of their needs; what is broken is reported and stops nobody.
//! let report = runtime.boot(&[SearchPath::explicit("capsules")]).await;
//! report.problems().iter().for_each(|problem| eprintln!("{problem}"));
//!
//! let answer = notes.invoke_interceptor("tool_execute_list_notes", "{}".into(), None).await?;
//! println!("{answer:?}");
//!
//! runtime.publish("notes.v1.clear", "{}", Some("alice")).await?;
//! runtime.shutdown().await;
//! # Ok(())
//! # }
//! ```

mod kernel;
mod packages;

#[cfg(feature = "runtime")]
pub use astrid_host_fs::{Change, ChangeKind};
pub use kernel::Kernel;
pub use packages::{KernelView, PACKAGES};

#[cfg(feature = "runtime")]
mod approval;
#[cfg(feature = "runtime")]
mod asked;
#[cfg(feature = "runtime")]
mod cache;
#[cfg(feature = "runtime")]
mod capsule;
#[cfg(feature = "runtime")]
mod composite;
#[cfg(feature = "runtime")]
mod config;
#[cfg(feature = "runtime")]
mod config_file;
#[cfg(feature = "runtime")]
mod cpu;
#[cfg(feature = "runtime")]
mod dispatch;
#[cfg(feature = "runtime")]
mod domains;
#[cfg(feature = "runtime")]
mod elicit;
#[cfg(feature = "runtime")]
mod engine;
#[cfg(feature = "runtime")]
mod error;
#[cfg(feature = "runtime")]
mod exclusive;
#[cfg(feature = "runtime")]
mod exempt;
#[cfg(feature = "runtime")]
mod gate;
#[cfg(feature = "runtime")]
mod header_secrets;
#[cfg(feature = "runtime")]
mod home;
#[cfg(feature = "runtime")]
mod inbound;
#[cfg(feature = "runtime")]
mod load;
#[cfg(feature = "runtime")]
mod local_consent;
#[cfg(feature = "runtime")]
mod net;
#[cfg(feature = "runtime")]
mod outbound;
#[cfg(feature = "runtime")]
mod own_key;
#[cfg(feature = "runtime")]
mod pool;
#[cfg(feature = "runtime")]
mod principal;
#[cfg(feature = "runtime")]
mod process;
#[cfg(feature = "runtime")]
mod runtime;
#[cfg(feature = "runtime")]
mod timings;
#[cfg(feature = "runtime")]
mod tools;
#[cfg(feature = "runtime")]
mod users;
#[cfg(feature = "runtime")]
mod wasm;

#[cfg(feature = "runtime")]
pub use {
    approval::{NewAllowance, may_answer_prompts},
    astrid_airlock::LocalEgress,
    astrid_capsule_discovery::{Finding, SearchPath, Severity, Skipped, Trust},
    astrid_capsule_install::{Conflict, Step as InstallStep},
    astrid_dispatch::{Access, HookService, Limits, NativeGuard},
    astrid_event_bus::LifecycleEvent,
    astrid_host_approval::{Allowance, Holder, Lasting, Pattern, Workspace},
    astrid_host_elicit::{Field, Reply},
    astrid_host_http::{Consent, HttpSettings},
    astrid_host_identity::{Identities, IdentityStore, LinkPolicy, UserId},
    astrid_host_ipc::RecvIdle,
    astrid_host_net::StreamFigures,
    astrid_host_uplink::{InboundRx, Links, Platform},
    astrid_principals::{Profile, Quotas, Unusable, Usage},
    cache::Origin,
    capsule::{BoxFuture, Capsule, HandlerResult, Invoker, Readiness, SharedCapsule, State},
    config::{Allocation, Config},
    config_file::ConfigError,
    elicit::{Prompt, Prompts},
    engine::WasmHost,
    error::{CapsuleError, Code},
    exclusive::Exclusive,
    exempt::Exempt,
    home::Home,
    runtime::{
        Answer, BootError, BootFailure, BootReport, Booted, HookOutcome, HookPhase, InstallDesk,
        InstallOptions, Installed, LinkedUser, NetworkFigures, Proposal, Question, Runtime, RuntimeBuilder,
        Schema, UplinkDescriptor,
    },
    timings::Timings,
    tools::ToolDescriptor,
};

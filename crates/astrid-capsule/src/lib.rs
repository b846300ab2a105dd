//! The façade over every astrid host package, and, with the default feature `runtime`, the runtime
//! that boots capsules from their `Capsule.toml`.
//!
//! Alone (`default-features = false`) this crate is [`Kernel::add_to_linker`]: one call that links every
//! package of [`PACKAGES`] into a kernel of yours, whose store data implements [`KernelView`].
//!
//! With the runtime:
//!
//! ```no_run
//! use astrid_capsule::Runtime;
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let runtime = Runtime::builder().home("/var/lib/capsules").workspace(".").build().await?;
//! let notes = runtime.load("examples/notes").await?;
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

pub use kernel::Kernel;
pub use packages::{KernelView, PACKAGES};

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
mod engine;
#[cfg(feature = "runtime")]
mod error;
#[cfg(feature = "runtime")]
mod gate;
#[cfg(feature = "runtime")]
mod home;
#[cfg(feature = "runtime")]
mod load;
#[cfg(feature = "runtime")]
mod pool;
#[cfg(feature = "runtime")]
mod runtime;
#[cfg(feature = "runtime")]
mod timings;
#[cfg(feature = "runtime")]
mod wasm;

#[cfg(feature = "runtime")]
pub use {
    astrid_host_ipc::RecvIdle,
    cache::Origin,
    capsule::{BoxFuture, Capsule, HandlerResult, Invoker, Readiness, SharedCapsule, State},
    config::{Allocation, Config},
    config_file::ConfigError,
    engine::WasmHost,
    error::{CapsuleError, Code},
    home::Home,
    runtime::{Runtime, RuntimeBuilder},
    timings::Timings,
};

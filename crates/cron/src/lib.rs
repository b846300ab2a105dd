//! Fires jobs by cron schedule.
//!
//! A job is declared by a capsule's manifest, or scheduled by a capsule at run time for one principal. [`CronService`]
//! knows when each is due; what firing means is a [`Runner`]'s, where scheduled jobs are kept a [`JobStore`]'s, what
//! time it is a [`Clock`]'s. Nothing here knows capsules beyond their names, or WebAssembly.
//!
//! ```
//! use std::sync::Arc;
//! use astrid_cron::{BoxFuture, CronService, Firing, JobKey, MemoryJobs, NewJob, Outcome, Runner, SystemClock};
//!
//! struct Print(tokio::sync::mpsc::UnboundedSender<String>);
//!
//! impl Runner for Print {
//!     fn fire(&self, firing: Firing) -> BoxFuture<'static, Outcome> {
//!         let sent = self.0.send(firing.payload().to_string());
//!         Box::pin(async move { if sent.is_ok() { Outcome::Done } else { Outcome::Failed("nobody listens".to_owned()) } })
//!     }
//!     fn suspended(&self, job: &JobKey, reason: &str) {
//!         println!("{job:?} is suspended: {reason}");
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let (sender, mut fired) = tokio::sync::mpsc::unbounded_channel();
//! let cron = CronService::new(SystemClock::new(), MemoryJobs::default(), Print(sender));
//! tokio::spawn(cron.run());
//!
//! cron.activate("notes", "alice", &[]).await?;
//! let job = NewJob { name: "tidy".into(), schedule: "@every 90s".into(), action: None, payload: "now".into() };
//! cron.schedule("notes", "alice", job).await?;
//! assert!(fired.recv().await.unwrap().contains(r#""payload":"now""#));
//! # Ok(())
//! # }
//! ```
//!
//! | concept | type | file |
//! |---|---|---|
//! | when a schedule fires next | [`next_slot`] | `next.rs` |
//! | time, and waiting | [`Clock`], [`SystemClock`] | `clock.rs` |
//! | a job: its name, its limits, its state | [`JobKey`], [`NewJob`], [`JobInfo`] | `job.rs` |
//! | jobs that outlive the process | [`JobStore`], [`StoredJob`], [`MemoryJobs`] | `store.rs` |
//! | firing | [`Runner`], [`Firing`], [`Outcome`] | `runner.rs` |
//! | what is due, found without a look at what is not | | `agenda.rs`, `entry.rs`, `table.rs` |
//! | schedule, cancel, list; the loop | [`CronService`] | `service.rs`, `tick.rs` |
#![forbid(unsafe_code)]

mod agenda;
mod clock;
mod entry;
mod error;
mod job;
mod next;
mod runner;
mod service;
mod store;
mod table;
mod tick;

use std::future::Future;
use std::pin::Pin;

pub use clock::{Clock, SystemClock};
pub use error::{CronError, JobStoreError};
pub use job::{JobInfo, JobKey, MAX_DYNAMIC_JOBS, MAX_FAILURES, MAX_PAYLOAD_BYTES, NewJob};
pub use next::next_slot;
pub use runner::{Firing, Outcome, Runner};
pub use service::CronService;
pub use store::{JobStore, MemoryJobs, StoredJob};

/// A future that object-safe traits return.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

//! Puts capsules into a host's directory and takes them out again.
//!
//! Plain blocking file operations for a runtime to call off its workers. A capsule comes as a directory or as a
//! `.capsule` archive from anywhere; whatever happens on the way, a crash included, leaves exactly the old capsule or
//! exactly the new one. What else an installation does, such as running a hook, is the caller's, who hands in two
//! opaque texts: what to do again if the installation turns out complete, what to undo if not.
//!
//! ```
//! use std::sync::Arc;
//! use astrid_capsule_install::{Begun, Contents, Lock, Meta, Order, Package, Phase, Place, Plan, Step, Wishes, recover};
//!
//! let (source, home) = (tempfile::tempdir()?, tempfile::tempdir()?);
//! let text = "[package]\nname = \"notes\"\nversion = \"1.0.0\"\n[capabilities]\nnet = [\"x.io\"]\n";
//! std::fs::write(source.path().join("Capsule.toml"), text)?;
//!
//! assert!(recover(home.path()).pending.is_empty());
//! let package = Package::open(source.path(), home.path(), "alice")?;
//! let place = Place::new(home.path(), "alice", &package.manifest.package.name)?;
//! let lock = Lock::take(&place)?;
//! let plan = Plan::new(&package.manifest, Meta::read(&place.target())?.as_ref(), Wishes::default())?;
//! assert_eq!((&plan.step, plan.expansion_lines()), (&Step::First, vec!["net: x.io".to_owned()]));
//!
//! let contents = Contents::read(&package.dir, &package.manifest, None)?;
//! let order = Order { phase: Phase::Install, from: None, to: "1.0.0".to_owned(), undo: Vec::new() };
//! let placed = Begun::new(lock, order, &contents, Arc::new(()))?.place(&package.dir)?;
//! // The hook runs here; what it wrote goes into the journal before the record.
//! let committed = placed.commit(&contents.installed(&package, None), b"writes of the hook".to_vec())?;
//! // The hook's writes are made here.
//! committed.finish()?;
//! assert_eq!(Meta::read(&place.target())?.unwrap().version, "1.0.0");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | concept | type | file |
//! |---|---|---|
//! | the record of a capsule | [`Meta`] | `meta.rs`, `meta/` |
//! | where things lie | [`Place`] | `place.rs` |
//! | a directory or archive to install | [`Package`] | `package.rs`, `archive/` |
//! | what an installation would do | [`Plan`], [`Conflict`] | `plan.rs`, `installed.rs` |
//! | files by content | [`Contents`], [`Blob`] | `contents.rs`, `blobs.rs` |
//! | one installation at a time | [`Lock`] | `lock.rs` |
//! | the installation | [`Begun`], [`Placed`], [`Committed`] | `transaction.rs`, `journal.rs`, `tree.rs`, `wit.rs` |
//! | after a crash | [`recover()`], [`Pending`] | `recover.rs` |
//! | taking it out | [`uninstall()`] | `uninstall.rs` |
//! | where tests stop it | [`Progress`], [`Done`] | `progress.rs` |
#![forbid(unsafe_code)]

mod archive;
mod blobs;
mod clock;
mod contents;
mod disk;
mod error;
mod installed;
mod journal;
mod lock;
mod meta;
mod package;
mod place;
mod plan;
mod progress;
mod recover;
mod transaction;
mod tree;
mod uninstall;
mod wit;

pub use archive::{MAX_ENTRIES, MAX_UNPACKED, WARN_UNPACKED};
pub use blobs::Blob;
pub use contents::Contents;
pub use error::{Code, InstallError};
pub use installed::{Conflict, conflicts};
pub use journal::Phase;
pub use lock::Lock;
pub use meta::{ByNamespace, MAX_META_BYTES, META_FILE, Meta, is_hash};
pub use package::Package;
pub use place::Place;
pub use plan::{Plan, Step, Wishes};
pub use progress::{Done, Progress};
pub use recover::{Pending, Recovered, recover, recover_one};
pub use transaction::{Begun, Committed, Order, Placed};
pub use uninstall::uninstall;

//! From directories to the list of capsules to load, in the order to load them.
//!
//! Three steps, each usable alone: [`discover`] looks for capsule directories and leaves out what is broken, a duplicate
//! or not trusted; [`toposort_manifests`] puts those that others need first; [`validate`] says what is still missing.
//! Nothing here runs a capsule, and nothing knows a WebAssembly engine.
//!
//! ```
//! use astrid_capsule_discovery::{SearchPath, Trust, discover, levels, toposort_manifests, validate};
//!
//! let place = tempfile::tempdir()?;
//! for (id, rest) in [("client", "[imports]\n\"acme:store\" = \"^1\"\n"), ("store", "[exports]\n\"acme:store\" = \"1.2.0\"\n")] {
//!     let dir = place.path().join(id);
//!     std::fs::create_dir(&dir)?;
//!     std::fs::write(dir.join("Capsule.toml"), format!("[package]\nname = \"{id}\"\nversion = \"1.0.0\"\n{rest}"))?;
//! }
//!
//! let found = discover(&[SearchPath::explicit(place.path())], &Trust::none());
//! assert!(found.skipped.is_empty());
//! let sorted = toposort_manifests(found.into_located()).map_err(|(cycle, _)| cycle)?;
//! let names: Vec<&str> = sorted.iter().map(|(manifest, _)| manifest.package.name.as_str()).collect();
//! assert_eq!(names, ["store", "client"]);
//! assert_eq!(levels(&sorted), [0, 1]);
//! assert!(validate(sorted.iter().map(|(manifest, _)| manifest)).is_empty());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | concept | type | file |
//! |---|---|---|
//! | where to look | [`SearchPath`] | `search.rs` |
//! | what was found and what was left out | [`Discovery`], [`Found`], [`Skipped`] | `discover.rs`, `skipped.rs` |
//! | what an operator approved | [`Trust`], [`Fingerprint`] | `trust.rs`, `fingerprint.rs` |
//! | who needs whom | [`Unmet`], [`CycleError`] | `graph.rs`, `provided.rs`, `order.rs` |
//! | what is still missing | [`Finding`] | `validate.rs` |
#![forbid(unsafe_code)]

mod discover;
mod file;
mod fingerprint;
mod graph;
mod order;
mod provided;
mod search;
mod skipped;
mod trust;
mod validate;

use std::path::PathBuf;

use astrid_capsule_manifest::CapsuleManifest;

pub use discover::{Discovery, Found, discover};
pub use fingerprint::{Fingerprint, MAX_COMPONENT_BYTES};
pub use graph::Unmet;
pub use order::{CycleError, levels, toposort_manifests, unmet, uplinks_first};
pub use search::SearchPath;
pub use skipped::{Reason, Skipped};
pub use trust::{Trust, TrustError};
pub use validate::{Finding, Severity, validate};

/// Target of log lines about what is also answered, for programs that report it themselves.
const LOG: &str = "astrid.boot";

/// A manifest and the directory it lies in.
pub type Located = (CapsuleManifest, PathBuf);

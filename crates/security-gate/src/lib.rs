//! The security gate: what a capsule's manifest declares is what it may do, and what a profile leaves
//! of that is what it may do for its principal. No wasmtime, no I/O at a check.
//!
//! ```
//! use std::path::Path;
//!
//! use astrid_host_context::{Action, CapsuleId, CapsuleSecurityGate, Principal, Request, Target};
//! use astrid_security_gate::ManifestSecurityGate;
//!
//! let text = r#"
//!     [package]
//!     name = "notes"
//!     version = "1.0.0"
//!
//!     [capabilities]
//!     fs_read = ["home://notes"]
//! "#;
//! let (manifest, _) = astrid_capsule_manifest::parse_manifest(text, Path::new("Capsule.toml"))?;
//! let gate = ManifestSecurityGate::builder(&manifest).build()?;
//!
//! let (capsule, alice) = (CapsuleId::parse("notes")?, Principal::parse("alice")?);
//! let read = |path| {
//!     let (action, target) = (Action::new("fs", "read"), Target::Path(path));
//!     gate.check(&Request { principal: Some(&alice), capsule: &capsule, action, target })
//! };
//! assert!(read("home://notes/today").is_ok());
//! assert_eq!(
//!     read("home://diary").unwrap_err().reason,
//!     "capsule 'notes' may not read 'home://diary': no entry covers it; [capabilities].fs_read allows: home://notes",
//! );
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | domain, verb | key | rule in |
//! |---|---|---|
//! | fs read, write | `fs_read`, `fs_write` | `files/`: patterns, and what none of them opens |
//! | http request | `net` | `net/web.rs`, `net/url_host.rs` |
//! | net connect, tcp-bind, unix-accept, udp-bind, udp-send, lookup | `net_connect`, `net_bind`, `net_tcp_bind`, `net_udp` | `net/sockets.rs` |
//! | process spawn, persist | `host_process`, `allow_persistent` | `commands.rs` |
//! | identity resolve, link, admin | `identity` | `decide.rs` |
//! | uplink register, send | `uplink`, `[[uplink]]` | `uplinks.rs` |
//! | any other domain | – | a gate given to [`ManifestSecurityGateBuilder::domain`], else denied |
//!
//! [`ProfileGate`] is the second stage, [`Both`] puts it behind the first. Whether an address is
//! private, where a link leads and what a policy of the operator adds is decided elsewhere, later.
#![forbid(unsafe_code)]

mod both;
mod commands;
mod decide;
mod denial;
mod error;
mod files;
mod manifest_gate;
mod net;
mod profile;
mod restriction;
mod roots;
mod uplinks;

pub use both::Both;
pub use denial::{GateDenial, MAX_TARGET};
pub use error::InvalidEntry;
pub use manifest_gate::{InvalidManifest, ManifestSecurityGate, ManifestSecurityGateBuilder};
pub use profile::{ProfileGate, Restrictions};
pub use restriction::Restriction;
pub use roots::Roots;

//! Whom a host serves: profiles, groups, quotas, ledgers, overlays and revocation. Knows no wasmtime.
//!
//! ```
//! use astrid_host_context::{CapsuleId, Principal, Quota, Resource, Subject};
//! use astrid_principals::{Principals, Quotas, Unusable};
//!
//! static THROUGHPUT: Resource = Resource { name: "ipc.throughput-bytes", default: 10 };
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let root = tempfile::tempdir()?;
//! let (owner, alice) = (Principal::parse("default")?, Principal::parse("alice")?);
//! let principals = Principals::open(root.path(), &owner, Quotas::default(), 10_000_000_000)?;
//!
//! // The owner begins as administrator; who has no profile has the default quotas and nothing else.
//! assert!(principals.resolve(&owner).await?.profile.capabilities.hold("audit:read_all"));
//! assert!(!principals.resolve(&alice).await?.profile.registered);
//!
//! let profile = root.path().join("etc/profiles/alice.toml");
//! std::fs::write(&profile, "[quotas]\nmax_ipc_throughput_bytes = 1000\n")?;
//! principals.changed(&alice).await?;
//! let capsule = CapsuleId::parse("notes")?;
//! let subject = Subject { principal: Some(&alice), capsule: &capsule };
//! assert_eq!(principals.quota.limit(&subject, &THROUGHPUT), 1000);
//!
//! std::fs::write(&profile, "enabled = false\n")?;
//! let refused = principals.changed(&alice).await;
//! assert_eq!(refused.map(|_| ()), Err(Unusable::Disabled(alice)));
//! # Ok(())
//! # }
//! ```
//!
//! | concept | type | file |
//! |---|---|---|
//! | all of it, as a host holds it | [`Principals`], [`Usage`] | `principals.rs` |
//! | profile | [`Profile`], [`Quotas`], [`Restriction`], [`Auth`] | `profile/`; changed in place by `edit.rs` |
//! | groups and capabilities | [`Groups`], [`CapabilityPattern`], [`Capabilities`] | `groups.rs`, `capability.rs` |
//! | reading profiles | [`ProfileSource`], [`ProfileFiles`], [`Stamp`] | `source.rs`, `file.rs`, `section.rs` |
//! | profiles in memory | [`ProfileCache`], [`Resolved`] | `cache.rs` |
//! | why a principal is not served | [`Unusable`], [`Problem`] | `problem.rs` |
//! | budgets | [`ProfileQuota`] | `quota.rs` |
//! | fuel | [`FuelBudget`], [`Admission`], [`FuelLedger`] | `fuel/` |
//! | memory | [`MemoryLedger`] | `memory.rs` |
//! | handlers at once | [`InFlight`], [`Turn`] | `in_flight.rs` |
//! | overlays | [`EnvFiles`] | `env.rs` |
//! | directories | [`Homes`] | `homes.rs` |
//! | revocation | [`Revocations`], [`Tokens`] | `revocation.rs`, `tokens.rs` |
#![forbid(unsafe_code)]

mod cache;
mod capability;
mod edit;
mod env;
mod file;
mod fuel;
mod groups;
mod homes;
mod in_flight;
mod memory;
mod principals;
mod problem;
mod profile;
mod quota;
mod revocation;
mod section;
mod source;
mod tokens;

pub use cache::{ProfileCache, Resolved};
pub use capability::{Capabilities, CapabilityPattern, InvalidPattern};
pub use env::EnvFiles;
pub use file::Stamp;
pub use fuel::{Admission, FuelBudget, FuelLedger, FuelRate};
pub use groups::Groups;
pub use homes::Homes;
pub use in_flight::{InFlight, Turn};
pub use memory::MemoryLedger;
pub use principals::{Principals, Usage};
pub use problem::{Problem, Unusable};
pub use profile::{Auth, Profile, Quotas, Restriction, SharedProfile};
pub use quota::ProfileQuota;
pub use revocation::{RevocationHook, Revocations};
pub use source::{Found, ProfileFiles, ProfileSource};
pub use tokens::{CallToken, Tokens};

//! The airlock: which network addresses a capsule may reach.
//!
//! A host function that is about to send something on behalf of a guest gives the [`Airlock`] the
//! host and port as the guest wrote them and gets back [`Vetted`] socket addresses, or a refusal. What
//! is dialled is what was judged: the name is never resolved a second time.
//!
//! ```
//! use std::sync::Arc;
//! use astrid_airlock::{Airlock, Host, LocalEgress, Refused, Scripted};
//! use astrid_host_context::CapsuleId;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let notes = CapsuleId::parse("notes")?;
//! let dns = Scripted::new().answer("intranet.test", ["10.0.0.7".parse()?]);
//! let airlock = Airlock::builder().resolver(Arc::new(dns)).build();
//!
//! let intranet = Host::parse("Intranet.test.")?;
//! let refused = airlock.vet(&notes, &intranet, 443).await.unwrap_err();
//! assert!(matches!(refused, Refused::Blocked { .. }));
//!
//! // The operator admits one capsule to one local service.
//! let mut rules = LocalEgress::new();
//! rules.allow(&notes, "intranet.test:443")?;
//! airlock.replace_rules(rules);
//! let vetted = airlock.vet(&notes, &intranet, 443).await?;
//! assert_eq!(vetted.addresses(), ["10.0.0.7:443".parse()?]);
//! # Ok(())
//! # }
//! ```
//!
//! | concept | type | file |
//! |---|---|---|
//! | what an address is | [`Class`] by [`judge`] | `address.rs`, tables in `table.rs` |
//! | what a guest may write for a host | [`Host`] | `host.rs` |
//! | what an operator admits in spite of it | [`LocalEgress`] | `rules.rs` |
//! | who turns names into addresses | [`Resolver`], [`SystemResolver`], [`Scripted`] for tests | `resolver/` |
//! | the decision | [`Airlock`], [`Refused`] | `airlock.rs` |
//! | addresses that passed, and dialling them | [`Vetted`] | `vetted.rs` |
//! | addresses that failed a moment ago | [`RecentFailures`] | `recent.rs` |
//! | the machine's own addresses | [`OwnAddresses`] | `own.rs` |
#![forbid(unsafe_code)]

mod address;
mod airlock;
mod host;
mod own;
mod recent;
mod resolver;
mod rules;
mod table;
mod vetted;

pub use address::{Class, InvalidPrefix, Lift, Nat64Prefix, judge, judge_with};
pub use airlock::{Airlock, AirlockBuilder, Refused};
pub use host::{Host, InvalidHost, MAX_HOST};
pub use own::OwnAddresses;
pub use recent::RecentFailures;
pub use resolver::{Resolution, Resolver, Scripted, SystemResolver, Unresolvable};
pub use rules::{InvalidRule, LocalEgress};
pub use vetted::{Admission, DialError, Vetted};

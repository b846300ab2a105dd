//! The message bus between capsules: topics, patterns, routing, fairness and back-pressure, in one
//! process and without wasmtime.
//!
//! ```
//! use std::time::Duration;
//! use astrid_event_bus::{Admission, Bus, Charset, Draft, Gate, Pattern, Payload, Audience, Topic};
//! use astrid_host_context::{Attribution, CapsuleId, Principal, Provenance};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let alice = Principal::parse("alice")?;
//! let audience = Audience {
//!     capsule: CapsuleId::parse("notes")?,
//!     owner: Some(alice.clone()),
//!     admission: Admission::Owner(Some(alice.clone())),
//!     reads_all_audit: false,
//! };
//! let bus = Bus::new();
//! let inbox = bus.subscribe(Pattern::parse("note.v1.*", Charset::Token)?, audience, &Gate::opened());
//!
//! let draft = Draft::new(
//!     Topic::parse("note.v1.saved", Charset::Token)?,
//!     Payload::parse(r#"{"id":7}"#.to_owned())?,
//!     Provenance::of(Attribution::Verified(alice)),
//! );
//! bus.publish(draft, Duration::from_secs(1), || Ok::<_, ()>(())).await.unwrap();
//!
//! inbox.wait().await;
//! assert_eq!(inbox.drain()?.messages[0].payload().as_str(), r#"{"id":7}"#);
//! # Ok(())
//! # }
//! ```
//!
//! A publish never waits for a subscriber. It waits, for a bounded time, for room in the queues of
//! matching *interceptors* — handlers that an [`InterceptorSink`], the dispatcher, runs. Each
//! subscription keeps a lane for each principal and drains them by deficit round robin, one principal
//! an [`Envelope`]; over its budget the oldest messages go, never the newest.
#![forbid(unsafe_code)]

mod admission;
mod bindings;
mod bus;
mod gate;
mod index;
mod interceptor;
mod lifecycle;
mod mailbox;
mod matching;
mod message;
mod observe;
mod pattern;
mod payload;
mod publish;
mod queue;
mod rate;
mod rewrite;
mod route;
mod stats;
mod subscription;
mod topic;
mod trie;

pub use admission::{AUDIT_TOPIC, Admission, Audience, HOST_ONLY_REPLIES};
pub use bus::{BindingGuard, Bus, BusBuilder, MAX_FAN_OUT, WeakBus};
pub use gate::Gate;
pub use interceptor::{Assignment, Binding, HandOver, InterceptorSink, NoSlot, Reserving, Slot};
pub use lifecycle::{InvalidEvent, LIFECYCLE_EVENTS, LifecycleEvent};
pub use mailbox::Condition;
pub use message::{Draft, Lane, Message};
pub use observe::{Missed, OBSERVER_CAPACITY, Observer};
pub use pattern::{AccessPattern, Pattern};
pub use payload::{InvalidPayload, MAX_NESTING, MAX_PAYLOAD_BYTES, Payload};
pub use publish::{Refused, Report};
pub use queue::{Envelope, QueueLimits};
pub use rate::{RateBuckets, RateExceeded, Rates};
pub use stats::Stats;
pub use subscription::{Closed, Subscription, Watch};
pub use topic::{Charset, InvalidTopic, MAX_HOST_SEGMENTS, MAX_SEGMENTS, MAX_TOPIC_BYTES, Topic};

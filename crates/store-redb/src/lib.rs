//! The embedded persistent backends of `astrid-host-kv` and, as [`RedbIdentities`], of `astrid-host-identity`, on
//! redb: what they acknowledge survives SIGKILL and power loss.
//!
//! ```
//! use astrid_host_context::{CapsuleId, Principal, Scope};
//! use astrid_host_kv::{Key, Limits, Mutation, Store, Terms};
//! use astrid_store_redb::{Options, RedbStore};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let directory = tempfile::tempdir()?;
//! # let path = directory.path().join("kv");
//! let store = RedbStore::open(&path, &Options::default())?; // at start-up: it waits for the disk
//! let scope = Scope { principal: Some(Principal::parse("alice")?), capsule: CapsuleId::parse("notes")? };
//! let key = Key::parse("greeting")?;
//!
//! let set = Mutation::Set { key: key.clone(), value: (*b"hello").into() };
//! let terms = Terms::commit(Limits { bytes: 1 << 20, keys: 100 });
//! store.apply(&scope, set, terms).await?.await?; // queued, then on disk
//! assert_eq!(*store.get(&scope, &key).await?.unwrap(), *b"hello");
//! store.close().await;
//! # Ok(())
//! # }
//! ```
//!
//! A kernel gives it to all its wasmtime stores: `KvCtx::builder().store(Arc::new(store))`.
//!
//! # How it works
//!
//! One thread decides on all mutations: it takes what waits (a line per namespace, served in turn, up to
//! 256 or 4 MiB or 2 ms), applies the group in one transaction, commits it with one fsync, and then
//! answers. Values up to 64 KiB that were read before and not written since come from memory (`cache.rs`), at
//! once. Other reads run on tokio's blocking pool, 4 to 32 at a time, each on a snapshot: no reader waits for the
//! writer, nor it for them. Who walks a listing by cursors has the next pages read along with the one
//! asked for, and gets them without another thread for as long as its namespace does not change
//! (`ahead.rs`). A reader may therefore see a value that is applied and not yet on disk, and
//! so not yet acknowledged. After a failed write everything answers
//! [`StoreError::Closed`](astrid_host_kv::StoreError::Closed) until the store is reopened.
//!
//! A directory holds `lock`, `format` and `data`; it has mode 0700. Back it up with
//! [`RedbStore::export`]: a copy of the directory of an open store is not usable.
//!
//! # Why redb, and what lies under it
//!
//! sled 0.34.7 came first and failed kv case 40: a bit that flipped in its file could lose the last
//! acknowledged write without a word, make the store unreadable or damage 16 keys at once. A directory
//! that it wrote (`astrid-kv 1`) is refused by name.
//!
//! Measured on two cores that others used too (`benches/`): a lone durable set 1.3 to 1.5 times raw redb
//! that walks the database after a crash, 0.9 times raw redb that does not; 64 writers 40,000 durable
//! sets a second; a get of a kept value 0.23 µs, one from the engine's
//! pages 5 to 7 µs, most of it the hop to a blocking thread; 5,000 keys in pages of
//! 100 0.9 ms, beside 0.5 ms for a raw scan; 255,000 keys open in 2 to 4 ms.
//!
//! What was read of redb 4.4.0, and what follows from it; check again before another version is pinned:
//!
//! | what | consequence here |
//! |---|---|
//! | readers have snapshots (copy on write); there is one writer | no lock of a namespace, clears and pages are one step |
//! | a page is checked only when the database is walked, never when it is read | `blocks/` keeps a checksum with every 4 KiB, checks each read and flips a single bit back |
//! | after a crash the whole database is walked, unless each commit saves the allocator's state (`quick_repair`), and then a commit syncs twice | `quick_repair`, and `blocks/` makes one sync of the two: the head of a commit lists the checksums of all its blocks, and counts only when they all arrived |
//! | no page of the last durable commit is overwritten before the next one is durable | the head before stays usable; one commit, one head, never two redb commits on one |
//! | its debug assertions walk the database at every opening | off in this workspace's dev profile: such a walk meets damage in one value and refuses to open |
//! | an error of the file closes the database until it is reopened | so do ours; damage inside a large value is passed on instead, and found by the value's own BLAKE3 |
//! | a leaf page grows to a power of two | chunks of 31.5 KiB fill a page of 32 KiB; values up to 3 KiB lie in their key's page |
//! | the file shrinks at its end only | plan for two to three times the data; export and import to shrink |
//!
//! # Damage in the file
//!
//! | what flipped | what happens |
//! |---|---|
//! | one bit of a block, wherever | it is flipped back at every read; `verify` with repair writes it back |
//! | one bit of a head | the head's second copy counts |
//! | more, in a leaf of [`RedbIdentities`] | the records it hit count for nothing and are reported; the others go on |
//! | more, inside a value over 3 KiB | that key answers "storage corrupted", a set repairs it |
//! | more, in keys or small values | the store fails with an error when it is read; restore an export. Nothing reads as absent |
//! | more, in a block of the very last commit, before an opening after a crash | that commit is taken for one that the crash cut off |
#![forbid(unsafe_code)]

mod ahead;
mod apply;
mod blocks;
mod cache;
mod changes;
mod directory;
mod engine;
mod identities;
mod layout;
mod namespace;
mod options;
mod queue;
mod stats;
mod store;
mod transfer;
mod verify;
mod writer;

#[cfg(test)]
mod power_loss_tests;

pub use directory::OpenError;
pub use identities::RedbIdentities;
pub use options::{Durability, Options};
pub use stats::Stats;
pub use store::RedbStore;
pub use verify::Report;

pub(crate) use store::Shared;

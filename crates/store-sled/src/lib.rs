//! The embedded persistent key-value backend of `astrid-host-kv`, on sled: what it acknowledges
//! survives SIGKILL and power loss.
//!
//! ```
//! use astrid_host_context::{CapsuleId, Principal, Scope};
//! use astrid_host_kv::{Key, Limits, Mutation, Store, Terms};
//! use astrid_store_sled::{Options, SledStore};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let directory = tempfile::tempdir()?;
//! # let path = directory.path().join("kv");
//! let store = SledStore::open(&path, &Options::default())?; // at start-up: it waits for the disk
//! let scope = Scope { principal: Some(Principal::parse("alice")?), capsule: CapsuleId::parse("notes")? };
//! let key = Key::parse("greeting")?;
//!
//! let set = Mutation::Set { key: key.clone(), value: "hello".into() };
//! let terms = Terms::commit(Limits { bytes: 1 << 20, keys: 100 });
//! store.apply(&scope, set, terms).await?.await?; // queued, then on disk
//! assert_eq!(store.get(&scope, &key).await?.unwrap(), "hello");
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
//! 256 or 4 MiB or 2 ms), puts the rows and usage of the whole group into one atomic batch, flushes
//! once, and then answers. A key that comes twice in a group, and every clear, begins another batch.
//! Reads run on tokio's blocking pool, 32 at a time, under a lock of their namespace that the writer
//! takes for the moment of a batch and never for a flush. A reader may therefore see a value that is
//! applied and not yet flushed, and so not yet acknowledged. After a failed write or flush everything
//! answers [`StoreError::Closed`](astrid_host_kv::StoreError::Closed) until the store is reopened.
//!
//! A directory holds `lock`, `format` and `tree/`, sled's own; it has mode 0700. Back it up with
//! [`SledStore::export`]: a copy of the directory of an open store is not usable.
//!
//! # What is known of sled 0.34.7
//!
//! Read from its source, and measured by this crate's tests where they can. Check again before another
//! version is pinned.
//!
//! | what | consequence here |
//! |---|---|
//! | `Db::flush` ends in `sync_file_range`: no file metadata, no drive cache | a flush here is followed by `fdatasync` of the log through a descriptor of our own |
//! | a page over a quarter of a segment (512 KiB by default) goes to a file in `blobs/`, which is never synced | segments of 2 MiB, values in chunks of 16 KiB, inline up to 4 KiB: no page comes near 512 KiB |
//! | a leaf splits above 16 entries; the fan-out is not configurable | a page is written whole after every 10 changes to it: a one-byte set beside 1,000 neighbours of 1 MiB costs 14 to 24 KiB, where whole values in leaves would cost megabytes |
//! | `apply_batch` is atomic for readers and for recovery, within one tree; there are also multi-tree transactions | rows and usage share one tree and one batch; transactions are not needed |
//! | every batch is written and synced by itself, before any flush | one batch for a group: 64 writers went from 10,000 to 60,000 durable sets a second by it |
//! | the first batch turns on a process-wide lock: batches exclude every read of every sled database | a clear of 200,000 keys holds up all readers while its batch is applied, though no flush |
//! | iterators go leaf by leaf and are no snapshots; unlike the 1.0 alpha they do stop at an upper bound | the namespace's lock around a scan |
//! | segments are given back by the background flush thread alone | that thread stays on, every 200 ms |
//! | space: a segment is reused when little of it lives; the file does not shrink | plan for two to three times the data; export and import to shrink |
//! | an I/O error of its threads stays with the database; some damage makes it panic | either closes the store; opening and writing catch panics |
//! | `flock` on its file; the error is text | a lock file of our own, tried first, with a typed error |
//! | every log message has a CRC of its own | a bit that flips in the file costs more than its key: see below |
//! | it brings parking_lot 0.11 (and `instant`, `fxhash`, `fs2`) beside the workspace's 0.12 | named as exceptions in deny.toml |
//!
//! # Bits that flip in the file
//!
//! BLAKE3 in each key's header finds damage that sled lets through, and then one key alone answers
//! "storage corrupted" and a set repairs it. Damage that sled's own CRC finds is coarser, measured by
//! flipping single bits of a database of 400 values of 16 KB: in a page read after the opening, the
//! rows of that page (up to 16, so several keys when values are small) are corrupt and cannot be set
//! again; in the part of the log that an opening replays, the opening fails, and the store must be
//! imported from an export; in the last message of the log, that mutation is silently gone as if it
//! had never been acknowledged, because it looks like a write the crash cut off. No read ever
//! returned wrong bytes.

mod apply;
mod changes;
mod directory;
mod engine;
mod layout;
mod namespace;
mod queue;
mod stats;
mod store;
mod transfer;
mod verify;
mod writer;

pub use directory::OpenError;
pub use stats::Stats;
pub use store::{Durability, Options, SledStore};
pub use verify::Report;

pub(crate) use store::Shared;

//! Child processes in a sandbox: a [`Launcher`](astrid_host_process::Launcher) for `astrid-host-process`, with
//! bubblewrap or, where that is missing, with Landlock. On other systems than Linux nothing is started.
//!
//! ```standalone_crate
//! use astrid_host_process::*;
//! use astrid_process_sandbox::{Sandbox, shim};
//! use tokio::io::AsyncReadExt;
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     shim::enter_if_asked(); // this program is also what stands between it and its children
//!     let (workspace, state) = (tempfile::tempdir()?, tempfile::tempdir()?);
//!     let sandbox = Sandbox::builder(state.path().join("processes")).build()?; // at start-up: it tries what there is
//!     match sandbox.grade() {
//!         Ok(grade) => println!("held by {}", grade.name),
//!         Err(why) => return Ok(println!("{why}")), // and then nothing is ever started
//!     }
//!     let limit = |value| Limit { value, explicit: false };
//!     let launch = Launch {
//!         command: Command { program: "sh".into(), args: vec!["-c".into(), "echo $GREETING; ls ~".into()] },
//!         env: vec![("GREETING".into(), "hello".into())],
//!         roots: Roots { workspace: workspace.path().into(), home: None },
//!         cwd: WorkDir::Workspace(vec![]),
//!         home: None,
//!         limits: Limits {
//!             memory: limit(4 << 30), cpu_secs: limit(3600), pids: limit(512), open_files: limit(1024),
//!         },
//!         injections: vec![],
//!         network: Network::None,
//!         stdin: false,
//!     };
//!     tokio::runtime::Runtime::new()?.block_on(async {
//!         let mut running = sandbox.start(launch).await?;
//!         let mut output = String::new();
//!         running.stdout.read_to_string(&mut output).await?;
//!         assert_eq!((output.as_str(), running.control.ended().await.code), ("hello\n", Some(0)));
//!         Ok(())
//!     })
//! }
//! ```
//!
//! # How a process is started
//!
//! ```text
//! host ── spawner thread ──► bwrap ──► shim (pid 1) ──► command     grade bwrap
//!                       └──► shim ──► shim (pid 1) ──► command     grade landlock, with a pid namespace
//!                       └──► shim (subreaper) ──► command          grade landlock without, and off
//! ```
//!
//! The shim is this very program, executed again, or one that [`Builder::shim`] names. Its line to the host is a
//! socket on its standard input: over it come the plan and the command's pipes, then orders; over it go the pid
//! (from the kernel, as the host counts), the error of the exec or none, and the exit. It signals the command's
//! group, reaps all that ends, and when the command has ended, or the line, it ends everybody.
//!
//! # What holds a command
//!
//! | | bwrap | landlock | off |
//! |---|---|---|---|
//! | files | a root of its own: system read-only, grants bound by descriptor and checked again inside | the host's: what is not granted cannot be opened, made, removed or renamed; nor, with mount namespaces, be given other modes, owners or times | the host's |
//! | `HOME`, `TMPDIR` | `/home/agent`, `/tmp`, in memory | below the scratch directory | the same |
//! | processes | its own only | the same with mount namespaces; otherwise all are listed, and none can be signalled or looked into | the host's |
//! | network `none` | a namespace without any | no sockets of the internet | refused |
//! | local sockets | those in what is granted | none but pairs: Landlock 7 does not know them | the host's |
//! | capabilities, privileges, seccomp | none, none gained, filtered | the same | the host's |
//! | files at fixed paths, by variable | both | by variable | none |
//! | dies with the host | pid namespace, death signal, line | the same where namespaces are allowed | line, death signal of the command |
//!
//! Paths are the same inside and outside: the workspace is where it is on the host, so that what compilers write
//! into a build folder, or git into a worktree, is true in both.
//!
//! # Limits
//!
//! | limit | by | for |
//! |---|---|---|
//! | processor time | `RLIMIT_CPU`, two seconds to heed it; and the tree's sum, looked at when it can have been reached | each process, and all together |
//! | open files | `RLIMIT_NOFILE` | each process |
//! | memory | `RLIMIT_AS`, if the guest named it: runtimes reserve more than a default would let them | each process |
//! | processes | `RLIMIT_NPROC` in a user namespace, since Linux 5.14 and never for root: otherwise refused if the guest named it | all together |
//!
//! There are no control groups here yet, so no limit of memory holds for a tree, and none by default.
//!
//! # Which file does what
//!
//! | concept | type | file |
//! |---|---|---|
//! | what an embedder chooses | [`Sandbox`], [`Builder`], [`Isolation`] | `builder.rs` |
//! | what this machine has | `Means`, `Shim` | `linux/means.rs` |
//! | what is granted and what is protected | `Ground`, `Pinned` | `linux/ground.rs`, `linux/path_list.rs` (`PATH`) |
//! | a start before it is made | `Prepared`, `Plan` | `linux/prepare.rs`, `plan.rs`; `linux/bubblewrap.rs` for the mounts |
//! | injected files | `Placed` | `linux/inject.rs` |
//! | limits | `Rlimits`, `Budget` | `linux/limits.rs`, `linux/budget.rs`, `shim/limits.rs` |
//! | private directories, and leftovers | `Scratch`, `Private` | `linux/scratch.rs` |
//! | the thread that forks | `Spawner`, `Held` | `linux/spawner.rs`, `linux/held.rs` |
//! | the handshake, and a running command | `Handle`, `Line` | `linux/start.rs`, `linux/control.rs`, `wire.rs` |
//! | figures | | `linux/usage.rs` |
//! | the shim | | `shim/supervise.rs`, `shim/reaper.rs`, `shim/below.rs` (working directory), `shim/files.rs` (Landlock), `shim/mounts.rs`, `shim/seccomp.rs`, `shim/unshare.rs` |
//! | unsafe code, all of it | | `raw.rs` |
#![deny(unsafe_code)]

mod builder;
pub mod shim;

#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "linux")]
mod plan;
#[cfg(target_os = "linux")]
mod raw;
#[cfg(target_os = "linux")]
mod wire;

#[cfg(target_os = "linux")]
use linux as system;
#[cfg(not(target_os = "linux"))]
mod elsewhere;
#[cfg(not(target_os = "linux"))]
use elsewhere as system;

pub use builder::{BuildError, Builder, Isolation, Sandbox};

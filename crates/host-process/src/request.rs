//! What guests hand in and get back, as plain types that both WIT versions convert to and from. Nothing here
//! is checked yet.

use crate::Exit;

/// A guest's `spawn-request`. Version 1.0.0 has no injections.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct SpawnRequest {
    /// The command, as the manifest spells it.
    pub cmd: String,
    /// Its arguments.
    pub args: Vec<String>,
    /// Input to begin with.
    pub stdin: Option<Vec<u8>>,
    /// Names and values.
    pub env: Vec<(String, String)>,
    /// Where it starts.
    pub cwd: Option<String>,
    /// What it may use up.
    pub limits: Option<ResourceLimits>,
    /// Files that only it sees.
    pub file_injections: Vec<FileInjection>,
    /// The fields for `spawn-persistent` alone.
    pub keep: Keep,
}

/// The fields of a request that only `spawn-persistent` looks at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Keep {
    /// A name to list it by.
    pub label: Option<String>,
    /// Whether its input stays open.
    pub keep_stdin_open: Option<bool>,
    /// What a full ring means.
    pub overflow: Option<OverflowPolicy>,
    /// Bytes of a stream's ring.
    pub log_ring_bytes: Option<u32>,
    /// Milliseconds it may live.
    pub max_lifetime_ms: Option<u64>,
    /// Milliseconds it may be without use.
    pub idle_timeout_ms: Option<u64>,
    /// Milliseconds its id is kept after its end.
    pub exit_retention_ms: Option<u64>,
}

/// What a child may use up; `None` is the host's default.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ResourceLimits {
    /// Bytes of memory.
    pub max_memory_bytes: Option<u64>,
    /// Seconds of processor time.
    pub max_cpu_secs: Option<u64>,
    /// Processes.
    pub max_pids: Option<u32>,
    /// Open files of a process.
    pub max_open_files: Option<u32>,
}

/// Content that a child finds in a file it cannot change.
#[derive(Clone, PartialEq, Eq)]
pub struct FileInjection {
    /// The bytes.
    pub content: Vec<u8>,
    /// Where it finds them.
    pub placement: InjectionPlacement,
}

/// Where injected content is put.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InjectionPlacement {
    /// Wherever the host likes; this variable holds the path.
    EnvPointer(String),
    /// At this absolute path.
    FixedPath(String),
}

/// What happens when a ring is full.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OverflowPolicy {
    /// The oldest bytes are lost.
    #[default]
    DropOldest,
    /// The child waits.
    Backpressure,
}

/// All that a child wrote, and how it ended.
#[derive(Clone, PartialEq, Eq)]
pub struct ProcessResult {
    /// Its output as text.
    pub stdout: String,
    /// Its error output as text.
    pub stderr: String,
    /// How it ended.
    pub exit: Exit,
}

/// What a child wrote since the last look.
#[derive(Clone, PartialEq, Eq)]
pub struct Logs {
    /// Its output as text.
    pub stdout: String,
    /// Its error output as text.
    pub stderr: String,
    /// Whether more may come.
    pub running: bool,
    /// How it ended; `Some` once it is not running.
    pub exit: Option<Exit>,
}

/// What killing a child came to.
#[derive(Clone, PartialEq, Eq)]
pub struct KillResult {
    /// Whether it was alive.
    pub killed: bool,
    /// How it ended.
    pub exit: Option<Exit>,
    /// Output that nobody had read yet.
    pub stdout: String,
    /// Error output that nobody had read yet.
    pub stderr: String,
}

/// Where a child is in its life. `starting` is between fork and exec, which no call that answers sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// The command runs.
    Running,
    /// The command has ended.
    Exited,
}

/// One of a child's two outputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LogStream {
    /// Its output.
    Stdout,
    /// Its error output.
    Stderr,
}

/// A piece of a child's output.
#[derive(Clone, PartialEq, Eq)]
pub struct LogChunk {
    /// The bytes.
    pub data: Vec<u8>,
    /// The token of the next piece.
    pub next: String,
    /// Bytes lost along this cursor, altogether.
    pub bytes_dropped: u64,
    /// Whether the child has ended and this is all.
    pub drained_eof: bool,
}

/// A persistent child at a moment.
#[derive(Clone, PartialEq, Eq)]
pub struct ProcessInfo {
    /// Its id, which nobody but its creator may learn.
    pub id: String,
    /// Its label.
    pub label: String,
    /// Command and arguments, joined by spaces.
    pub command: String,
    /// Its pid while it runs.
    pub os_pid: Option<u32>,
    /// Where it is in its life.
    pub phase: Phase,
    /// How it ended.
    pub exit: Option<Exit>,
    /// Milliseconds since its start.
    pub age_ms: u64,
    /// Milliseconds since its last use.
    pub idle_ms: u64,
    /// Bytes of output that wait.
    pub buffered_bytes: u64,
    /// Bytes of output that were lost because a ring was full.
    pub bytes_dropped: u64,
    /// Whether it takes input.
    pub stdin_open: bool,
    /// Milliseconds of processor time.
    pub cpu_ms: Option<u64>,
    /// Most bytes of memory at a time.
    pub mem_bytes_peak: Option<u64>,
}

macro_rules! silent {
    ($($name:ident)*) => {$(
        impl std::fmt::Debug for $name {
            /// Environment, input, output and ids are in no log.
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct(stringify!($name)).finish_non_exhaustive()
            }
        }
    )*};
}
silent!(SpawnRequest FileInjection ProcessResult Logs KillResult LogChunk ProcessInfo);

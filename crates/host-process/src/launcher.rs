//! What this package asks of a backend that starts processes. A backend knows no guest: everything here has
//! been checked against the capsule's and the principal's rights before.

use std::fmt;
use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite};

/// A future of a trait object's method.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Starts processes.
///
/// Nothing is executed unless everything that was asked for holds: view, limits, injections. Dropping a
/// future of [`Self::start`] kills what it had started.
pub trait Launcher: Send + Sync + 'static {
    /// How firmly this backend holds what it starts, found out once and remembered; never waits.
    ///
    /// # Errors
    /// Why nothing can be started here, in words that a guest may read.
    fn grade(&self) -> Result<Grade, Unconfined>;

    /// Starts a process. Done when the program runs, that is after its exec succeeded.
    fn start(&self, launch: Launch) -> BoxFuture<'_, Result<Running, LaunchError>>;
}

/// What a backend guarantees about what it starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grade {
    /// Its name in audit records: `bwrap`, `landlock`, `seatbelt` or `off`.
    pub name: &'static str,
    /// Whether the whole tree is dead after a crash of the host, so that a process may outlive an instance.
    pub persistent: bool,
    /// Whether a file can be shown at a path that does not exist on the host.
    pub fixed_paths: bool,
    /// Whether files can be injected at all.
    pub injections: bool,
}

/// No sandbox is to be had here, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("process sandbox unavailable: {0}")]
pub struct Unconfined(pub String);

/// A process that is to be started.
#[derive(Debug)]
pub struct Launch {
    /// What is run.
    pub command: Command,
    /// The variables the guest gave, checked; a backend clears everything else and adds its own.
    pub env: Vec<(String, String)>,
    /// The directories it works in.
    pub roots: Roots,
    /// Where in them it starts.
    pub cwd: WorkDir,
    /// Its `HOME`, if the guest chose one below a root.
    pub home: Option<WorkDir>,
    /// What it may use up.
    pub limits: Limits,
    /// Files that only it sees.
    pub injections: Vec<Injection>,
    /// What it reaches.
    pub network: Network,
    /// Whether its standard input is a pipe, else `/dev/null`.
    pub stdin: bool,
}

/// A program and its arguments.
#[derive(Clone, PartialEq, Eq)]
pub struct Command {
    /// A bare name, looked for along the sanitised `PATH`, or an absolute path.
    pub program: String,
    /// Passed as they are; no shell is involved.
    pub args: Vec<String>,
}

impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Command").field("program", &self.program).finish_non_exhaustive()
    }
}

/// Host directories that a process may work in.
#[derive(Debug, Clone)]
pub struct Roots {
    /// Readable and writable.
    pub workspace: PathBuf,
    /// The principal's home, if the capsule may use it, and whether it may write there.
    pub home: Option<(PathBuf, bool)>,
}

/// A directory below one of the [`Roots`], as components: none is empty, `.` or `..`. Opened beneath its root
/// without following a link out of it, so that nothing can be exchanged between check and use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WorkDir {
    /// Below the workspace.
    Workspace(Vec<String>),
    /// Below the home.
    Home(Vec<String>),
}

/// What a process and its descendants may use up together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of memory.
    pub memory: Limit,
    /// Seconds of processor time.
    pub cpu_secs: Limit,
    /// Processes and threads.
    pub pids: Limit,
    /// Open files of one process.
    pub open_files: Limit,
}

/// One limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// The most there may be.
    pub value: u64,
    /// Whether the guest named it: then it is enforced or the start refused. Others are enforced where possible.
    pub explicit: bool,
}

/// A file that the process reads and nobody but the host can write.
#[derive(Clone)]
pub struct Injection {
    /// What is in it.
    pub content: Bytes,
    /// BLAKE3 of the content, to be compared with what was put in place.
    pub hash: [u8; 32],
    /// How the process finds it.
    pub placement: Placement,
}

impl fmt::Debug for Injection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Injection").field("placement", &self.placement).finish_non_exhaustive()
    }
}

/// How a process finds an injected file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Placement {
    /// This variable holds its path, which the backend chooses.
    EnvPointer(String),
    /// At this absolute path, which need not exist on the host.
    FixedPath(PathBuf),
}

/// What a process reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Network {
    /// What the host reaches.
    Host,
    /// Nothing.
    None,
}

/// A process that runs.
pub struct Running {
    /// What can be done with it.
    pub control: Box<dyn Control>,
    /// Its standard input, if it has a pipe.
    pub stdin: Option<Box<dyn AsyncWrite + Send + Unpin>>,
    /// Its standard output.
    pub stdout: Box<dyn AsyncRead + Send + Unpin>,
    /// Its standard error.
    pub stderr: Box<dyn AsyncRead + Send + Unpin>,
}

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Running").finish_non_exhaustive()
    }
}

/// A process that was started. Dropping it kills the whole tree and reaps it.
pub trait Control: Send + Sync {
    /// The pid of the command itself, as the host counts them.
    fn pid(&self) -> u32;

    /// Signals the command's process group; without effect once it has ended.
    fn signal(&self, signal: Signal);

    /// Kills the command and everything it started; returns at once.
    fn kill(&self);

    /// Waits until the command has ended and what it had started is gone. The same answer to everybody who asks,
    /// also later.
    fn ended(&self) -> BoxFuture<'_, Exit>;

    /// What the tree has used up so far, the last figures once it has ended.
    fn usage(&self) -> BoxFuture<'_, Usage>;
}

/// What a process can be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is the POSIX signal of its name")]
pub enum Signal {
    Term,
    Hup,
    Usr1,
    Usr2,
    Int,
    Stop,
    Cont,
}

/// How a command ended: exactly one of the two is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exit {
    /// What it returned.
    pub code: Option<i32>,
    /// What killed it.
    pub signal: Option<i32>,
}

/// What a tree has used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// Processor time in milliseconds.
    pub cpu_ms: u64,
    /// The most memory there was at once, in bytes.
    pub mem_bytes_peak: u64,
}

/// Why a process was not started. Nothing of it runs.
#[derive(Debug, thiserror::Error)]
pub enum LaunchError {
    /// No sandbox.
    #[error(transparent)]
    Unconfined(#[from] Unconfined),
    /// The directory leaves its root.
    #[error("the working directory is outside the workspace and the home")]
    OutsideRoot,
    /// The directory is missing, or is none.
    #[error("the working directory is missing or not a directory")]
    NoDirectory,
    /// The program could not be run: the name of the error, as `ENOENT`.
    #[error("exec failed: {0}")]
    Exec(&'static str),
    /// The guest named a limit that is not to be had here: its name in WIT.
    #[error("resource limit not enforceable: {0}")]
    NotEnforceable(&'static str),
    /// A path that this backend cannot or may not show a file at.
    #[error("a file cannot be injected there")]
    Injection,
    /// A directory that is granted, or an injected file, lies where nobody may look.
    #[error("a granted path overlaps a protected one")]
    Masked,
    /// The command did not start in time.
    #[error("spawn timed out")]
    TimedOut,
    /// Anything else, in words without paths, pids or secrets.
    #[error("{0}")]
    Failed(String),
}

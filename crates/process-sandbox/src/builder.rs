//! What an embedder chooses.

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use astrid_host_process::{BoxFuture, Grade, Launch, LaunchError, Launcher, Running, Unconfined};

use crate::system::Inner;

/// Where bubblewrap is looked for; never along `PATH`, which whoever starts the host may choose.
const BUBBLEWRAP: [&str; 3] = ["/usr/bin/bwrap", "/bin/bwrap", "/run/current-system/sw/bin/bwrap"];

/// What is passed on from the host's environment; `PATH` only in part.
const PASSED: [&str; 5] = ["PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ"];

/// For all of a start: checks, forks, mounts and the exec. It takes some ten milliseconds.
const START: Duration = Duration::from_secs(5);

/// Below the home of the user who runs the host: credentials that no command of a guest may read.
const CREDENTIALS: [&str; 9] =
    [".ssh", ".aws", ".gnupg", ".netrc", ".docker", ".kube", ".config/gcloud", ".git-credentials", ".npmrc"];

/// One more of them, apart only because a table of ten reads badly.
const PYTHON_CREDENTIALS: &str = ".pypirc";

/// By what commands are held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Isolation {
    /// Bubblewrap, or Landlock where it is not to be had; where neither is, nothing is started.
    #[default]
    Best,
    /// Bubblewrap or nothing.
    Bubblewrap,
    /// Landlock or nothing.
    Landlock,
    /// By nothing: a process group, and an end with the host's. Files cannot be injected.
    Off,
}

/// Starts processes in a sandbox. Cheap to clone; what runs is not touched when all clones are gone.
#[derive(Debug, Clone)]
pub struct Sandbox {
    inner: Arc<Inner>,
}

impl Sandbox {
    /// `scratch` is a directory of the host alone, made with mode 0700 where it is missing: private homes,
    /// temporary directories and injected files of the Landlock grade lie in it, and those that a host which is no
    /// more left there are removed. No guest may reach it.
    pub fn builder(scratch: impl Into<PathBuf>) -> Builder {
        let home = std::env::var_os("HOME").map(PathBuf::from).filter(|home| home.is_absolute());
        let credentials = CREDENTIALS.iter().chain([&PYTHON_CREDENTIALS]);
        Builder {
            settings: Settings {
                scratch: scratch.into(),
                isolation: Isolation::Best,
                shim: None,
                bubblewrap: BUBBLEWRAP.iter().map(PathBuf::from).collect(),
                reads: Vec::new(),
                writes: Vec::new(),
                masks: home.iter().flat_map(|home| credentials.clone().map(|name| home.join(name))).collect(),
                start_deadline: START,
                environment: std::env::vars_os().filter(|(name, _)| passed(name)).collect(),
            },
        }
    }
}

fn passed(name: &OsString) -> bool {
    PASSED.iter().any(|passed| name == passed)
}

impl Launcher for Sandbox {
    fn grade(&self) -> Result<Grade, Unconfined> {
        self.inner.grade()
    }

    fn start(&self, launch: Launch) -> BoxFuture<'_, Result<Running, LaunchError>> {
        Box::pin(self.inner.start(launch))
    }
}

/// Settings of a [`Sandbox`].
#[derive(Debug)]
#[must_use = "nothing is looked for until it is built"]
pub struct Builder {
    settings: Settings,
}

/// What was chosen.
#[derive(Debug)]
#[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "nothing is started there"))]
pub(crate) struct Settings {
    pub(crate) scratch: PathBuf,
    pub(crate) isolation: Isolation,
    pub(crate) shim: Option<PathBuf>,
    pub(crate) bubblewrap: Vec<PathBuf>,
    pub(crate) reads: Vec<PathBuf>,
    pub(crate) writes: Vec<PathBuf>,
    pub(crate) masks: Vec<PathBuf>,
    pub(crate) start_deadline: Duration,
    pub(crate) environment: Vec<(OsString, OsString)>,
}

impl Builder {
    /// By what commands are held; [`Isolation::Best`] without.
    pub fn isolation(mut self, isolation: Isolation) -> Self {
        self.settings.isolation = isolation;
        self
    }

    /// The program that is the shim, instead of the running one: `astrid-process-shim` of this crate, or any
    /// whose `main` begins with [`enter_if_asked`](crate::shim::enter_if_asked). Commands can read it.
    pub fn shim(mut self, program: impl Into<PathBuf>) -> Self {
        self.settings.shim = Some(program.into());
        self
    }

    /// Where bubblewrap is looked for, instead of the usual places.
    pub fn bubblewrap_at(mut self, programs: impl IntoIterator<Item = PathBuf>) -> Self {
        self.settings.bubblewrap = programs.into_iter().collect();
        self
    }

    /// One more directory or file that every command may read.
    pub fn read_path(mut self, path: impl Into<PathBuf>) -> Self {
        self.settings.reads.push(path.into());
        self
    }

    /// One more directory that every command may write to.
    pub fn write_path(mut self, path: impl Into<PathBuf>) -> Self {
        self.settings.writes.push(path.into());
        self
    }

    /// One more path that no command may look at: the host's keys, stores, sockets and the homes of its
    /// principals. Credentials in the user's home and the scratch directory always are.
    pub fn mask(mut self, path: impl Into<PathBuf>) -> Self {
        self.settings.masks.push(path.into());
        self
    }

    /// A variable of the host, instead of the one this process has: `PATH`, `LANG`, `LC_ALL`, `LC_CTYPE` or
    /// `TZ`. Others are not passed on.
    pub fn host_variable(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        let name = name.into();
        self.settings.environment.retain(|(known, _)| *known != name);
        if passed(&name) {
            self.settings.environment.push((name, value.into()));
        }
        self
    }

    /// How long a start may take before what there is of it is killed; 5 s without.
    pub fn start_deadline(mut self, deadline: Duration) -> Self {
        self.settings.start_deadline = deadline;
        self
    }

    /// Looks for what there is, by starting a few short processes: some ten milliseconds, on the calling
    /// thread. That no sandbox is to be had is no error here; [`Launcher::grade`] says so.
    ///
    /// # Errors
    /// See [`BuildError`].
    pub fn build(self) -> Result<Sandbox, BuildError> {
        Ok(Sandbox { inner: Arc::new(Inner::new(self.settings)?) })
    }
}

/// Why there is no sandbox to ask.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// This program cannot be its own shim.
    #[error("no shim: call shim::enter_if_asked() first thing in main, or name a program with Builder::shim")]
    NoShim,
    /// What was named as the shim is none.
    #[error("the program named as the shim is none: {0}")]
    NotAShim(String),
    /// The scratch directory cannot be used.
    #[error("the scratch directory of the process sandbox: {0}")]
    Scratch(#[source] io::Error),
    /// No thread for starting processes.
    #[error("the thread that starts processes: {0}")]
    Thread(#[source] io::Error),
}

//! A sandbox of each grade, and what a short process said.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use astrid_host_process::{
    Command, Control, Exit, Launch, LaunchError, Launcher, Limit, Limits, Network, Roots, Running, WorkDir,
};
use astrid_process_sandbox::{Builder, Isolation, Sandbox};
use tempfile::TempDir;
use tokio::io::AsyncReadExt;

/// For whatever is waited for.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A sandbox of one grade, and a workspace.
pub(crate) struct World {
    pub(crate) sandbox: Sandbox,
    pub(crate) grade: &'static str,
    pub(crate) workspace: TempDir,
    pub(crate) scratch: TempDir,
}

impl World {
    pub(crate) fn new(
        isolation: Isolation,
        settings: impl FnOnce(Builder, &Path) -> Builder,
    ) -> Option<Self> {
        let (workspace, scratch) = (tempfile::tempdir().unwrap(), private());
        let builder = Sandbox::builder(scratch.path())
            .isolation(isolation)
            .shim(env!("CARGO_BIN_EXE_astrid-process-shim"))
            .start_deadline(PATIENCE);
        let sandbox = settings(builder, workspace.path()).build().unwrap();
        match sandbox.grade() {
            Ok(grade) => Some(Self { sandbox, grade: grade.name, workspace, scratch }),
            Err(why) => {
                eprintln!("not done on {isolation:?}: {why}");
                None
            }
        }
    }

    pub(crate) fn bubblewrap(&self) -> bool {
        self.grade == "bwrap"
    }

    /// A launch of `program` in the workspace.
    pub(crate) fn launch(&self, program: &str, args: &[&str]) -> Launch {
        let limit = |value| Limit { value, explicit: false };
        Launch {
            command: Command {
                program: program.to_owned(),
                args: args.iter().map(|&arg| arg.to_owned()).collect(),
            },
            env: Vec::new(),
            roots: Roots { workspace: self.workspace.path().to_owned(), home: None },
            cwd: WorkDir::Workspace(Vec::new()),
            home: None,
            limits: Limits {
                memory: limit(4 << 30),
                cpu_secs: limit(3600),
                pids: limit(512),
                open_files: limit(1024),
            },
            injections: Vec::new(),
            network: Network::Host,
            stdin: false,
        }
    }

    pub(crate) fn sh(&self, script: &str) -> Launch {
        self.launch("sh", &["-c", script])
    }

    pub(crate) fn perl(&self, script: &str) -> Launch {
        self.launch("perl", &["-e", script])
    }

    pub(crate) async fn start(&self, launch: Launch) -> Result<Running, LaunchError> {
        self.sandbox.start(launch).await
    }

    /// Runs to the end.
    pub(crate) async fn run(&self, launch: Launch) -> Done {
        self.try_run(launch).await.unwrap()
    }

    pub(crate) async fn try_run(&self, launch: Launch) -> Result<Done, LaunchError> {
        let mut running = self.start(launch).await?;
        let (mut stdout, mut stderr) = (String::new(), String::new());
        let told = async {
            tokio::try_join!(
                running.stdout.read_to_string(&mut stdout),
                running.stderr.read_to_string(&mut stderr)
            )
        };
        soon(told).await.unwrap();
        let exit = end(&*running.control).await;
        Ok(Done { exit, stdout, stderr })
    }

    /// The workspace without links.
    pub(crate) fn root(&self) -> PathBuf {
        self.workspace.path().canonicalize().unwrap()
    }
}

/// What a process did.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) exit: Exit,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Done {
    /// Its output, if it succeeded.
    #[track_caller]
    pub(crate) fn output(&self) -> &str {
        assert_eq!(self.exit, code(0), "{self:?}");
        self.stdout.trim_end()
    }
}

pub(crate) fn code(code: i32) -> Exit {
    Exit { code: Some(code), signal: None }
}

pub(crate) fn signal(signal: i32) -> Exit {
    Exit { code: None, signal: Some(signal) }
}

/// A directory for the host alone.
pub(crate) fn private() -> TempDir {
    tempfile::Builder::new().permissions(Permissions::from_mode(0o700)).tempdir().unwrap()
}

/// One world of each grade that this machine has.
pub(crate) fn worlds() -> impl Iterator<Item = World> {
    worlds_with(|builder, _| builder)
}

/// The same, with settings; they are given the workspace.
pub(crate) fn worlds_with(settings: impl Fn(Builder, &Path) -> Builder) -> impl Iterator<Item = World> {
    let grades = [Isolation::Bubblewrap, Isolation::Landlock].into_iter();
    grades.filter_map(move |isolation| World::new(isolation, &settings))
}

pub(crate) async fn end(control: &dyn Control) -> Exit {
    soon(control.ended()).await
}

pub(crate) async fn soon<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, work).await.expect("this takes far too long")
}

/// Reads up to and with the next line feed.
pub(crate) async fn line(running: &mut Running) -> String {
    let mut line = Vec::new();
    while line.last() != Some(&b'\n') {
        line.push(soon(running.stdout.read_u8()).await.unwrap());
    }
    String::from_utf8(line).unwrap().trim_end().to_owned()
}

/// Processes of this machine that have `marker` among their arguments.
pub(crate) fn with_marker(marker: &str) -> Vec<u32> {
    let all = std::fs::read_dir("/proc").unwrap().flatten();
    let pids = all.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(|pid| {
        let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        line.split(|&byte| byte == 0).any(|argument| argument == marker.as_bytes())
    })
    .collect()
}

/// Waits until no process has `marker` among its arguments.
pub(crate) async fn until_gone(marker: &str) {
    soon(async {
        while !with_marker(marker).is_empty() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
}

/// Seconds to sleep for that no other test sleeps for.
pub(crate) fn long_sleep() -> String {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("6{:07}.{:04}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

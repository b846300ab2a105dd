//! A backend without a sandbox: a process group on this machine. For tests and for nothing else.

use std::os::unix::process::ExitStatusExt;
use std::process::Stdio;

use astrid_host_process::{
    BoxFuture, Control, Exit, Grade, Launch, LaunchError, Launcher, Running, Signal, Unconfined, Usage,
    WorkDir,
};
use rustix::process::{Pid, kill_process_group};
use tokio::sync::watch;

pub(crate) struct Direct;

impl Launcher for Direct {
    fn grade(&self) -> Result<Grade, Unconfined> {
        Ok(Grade { name: "direct", persistent: true, fixed_paths: false, injections: false })
    }

    fn start(&self, launch: Launch) -> BoxFuture<'_, Result<Running, LaunchError>> {
        Box::pin(async move { start(launch) })
    }
}

fn start(launch: Launch) -> Result<Running, LaunchError> {
    let (root, parts) = match &launch.cwd {
        WorkDir::Workspace(parts) => (Some(launch.roots.workspace.clone()), parts),
        WorkDir::Home(parts) => (launch.roots.home.clone().map(|(home, _)| home), parts),
    };
    let dir = parts.iter().fold(root.unwrap(), |dir, part| dir.join(part));
    if !dir.is_dir() {
        return Err(LaunchError::NoDirectory);
    }
    let mut command = tokio::process::Command::new(&launch.command.program);
    command.args(&launch.command.args).env_clear().env("PATH", "/usr/bin:/bin").envs(launch.env.clone());
    command.current_dir(dir).process_group(0).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.stdin(if launch.stdin { Stdio::piped() } else { Stdio::null() });
    let mut child = command.spawn().map_err(|error| {
        LaunchError::Exec(match error.kind() {
            std::io::ErrorKind::NotFound => "ENOENT",
            std::io::ErrorKind::PermissionDenied => "EACCES",
            _ => "EIO",
        })
    })?;
    let pid = Pid::from_raw(child.id().unwrap().try_into().unwrap()).unwrap();
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let (end, ended) = watch::channel(None);
    tokio::spawn(async move {
        let status = child.wait().await.unwrap();
        // What it left running.
        let _ = kill_process_group(pid, rustix::process::Signal::KILL);
        end.send_replace(Some(Exit { code: status.code(), signal: status.signal() }));
    });
    Ok(Running {
        control: Box::new(Group { pid, ended }),
        stdin: stdin.map(|pipe| Box::new(pipe) as _),
        stdout: Box::new(stdout.unwrap()),
        stderr: Box::new(stderr.unwrap()),
    })
}

struct Group {
    pid: Pid,
    ended: watch::Receiver<Option<Exit>>,
}

impl Group {
    fn send(&self, signal: rustix::process::Signal) {
        if self.ended.borrow().is_none() {
            let _ = kill_process_group(self.pid, signal);
        }
    }
}

impl Control for Group {
    fn pid(&self) -> u32 {
        self.pid.as_raw_nonzero().get().try_into().unwrap()
    }

    fn signal(&self, signal: Signal) {
        self.send(match signal {
            Signal::Term => rustix::process::Signal::TERM,
            Signal::Hup => rustix::process::Signal::HUP,
            Signal::Usr1 => rustix::process::Signal::USR1,
            Signal::Usr2 => rustix::process::Signal::USR2,
            Signal::Int => rustix::process::Signal::INT,
            Signal::Stop => rustix::process::Signal::STOP,
            Signal::Cont => rustix::process::Signal::CONT,
        });
    }

    fn kill(&self) {
        self.send(rustix::process::Signal::KILL);
    }

    fn ended(&self) -> BoxFuture<'_, Exit> {
        let mut ended = self.ended.clone();
        Box::pin(async move {
            let exit = ended.wait_for(Option::is_some).await.unwrap();
            exit.unwrap()
        })
    }

    fn usage(&self) -> BoxFuture<'_, Usage> {
        Box::pin(std::future::ready(Usage { cpu_ms: 1, mem_bytes_peak: 1 }))
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
    }
}

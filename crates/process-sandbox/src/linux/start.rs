//! From a launch to a running program: the handshake with the shim.

use std::io::Read;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use astrid_host_process::{Launch, LaunchError, Running};
use tokio::net::unix::pipe;

use super::Host;
use super::control::{Handle, Line};
use super::held::Held;
use super::prepare::{Ours, prepare};
use crate::wire::{Order, Refusal, Report};

/// Of what a wrapper complains, this much is logged.
const COMPLAINTS: usize = 2048;

/// Done when the program runs.
pub(super) async fn start(host: Arc<Host>, launch: Launch) -> Result<Running, LaunchError> {
    tokio::time::timeout(host.settings.start_deadline, run(host, launch))
        .await
        .unwrap_or(Err(LaunchError::TimedOut))
}

async fn run(host: Arc<Host>, launch: Launch) -> Result<Running, LaunchError> {
    let means = host.means.as_ref().map_err(Clone::clone)?;
    let takes_all = means.namespace();
    let cpu_secs = launch.limits.cpu_secs.value;
    let preparing = Arc::clone(&host);
    let prepared = tokio::task::spawn_blocking(move || match &preparing.means {
        Ok(means) => prepare(&preparing, means, launch),
        Err(why) => Err(why.clone().into()),
    });
    let prepared = prepared.await.map_err(|_| lost("the preparation was given up"))??;
    let forked = host.spawner.run(move || prepared.fork()).await.ok_or_else(|| lost("the host ends"))?;
    let (child, ours) =
        forked.map_err(|error| lost(&format!("no process can be started: {}", error.kind())))?;
    let io = |error: std::io::Error| lost(&format!("the pipes cannot be watched: {}", error.kind()));
    let child = child.into_child().ok_or_else(|| lost("no process was started"))?;
    let mut held = Held::new(child, Arc::clone(&host.spawner)).map_err(io)?;
    let Ours { line, stdout, stderr, stdin, complaints, private } = ours;
    let line = Line::new(crate::raw::watch(line).map_err(io)?);
    let stdin = stdin.map(pipe::Sender::from_owned_fd).transpose().map_err(io)?;
    let stdout = pipe::Receiver::from_owned_fd(stdout).map_err(io)?;
    let stderr = pipe::Receiver::from_owned_fd(stderr).map_err(io)?;
    let pids = greet(&line, &held, complaints).await?;
    // Until now nothing of the guest ran; from here on the shim must be the one that kills it.
    held.runs(takes_all);
    let control = Handle::new(line, pids, held, private, cpu_secs);
    Ok(Running {
        control: Box::new(control),
        stdin: stdin.map(|pipe| Box::new(pipe) as _),
        stdout: Box::new(stdout),
        stderr: Box::new(stderr),
    })
}

/// Pids as the host counts them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pids {
    pub(super) shim: u32,
    pub(super) command: u32,
}

async fn greet(line: &Line, held: &Held, complaints: OwnedFd) -> Result<Pids, LaunchError> {
    let mut pids = Pids { shim: 0, command: 0 };
    loop {
        let heard = tokio::select! {
            biased;
            heard = line.hear() => heard,
            () = held.over() => line.hear_now(),
        };
        match heard {
            Ok(Some((Report::Here, pid))) => pids.shim = pid.unwrap_or(0),
            Ok(Some((Report::Waiting, pid))) => {
                pids.command = pid.unwrap_or(0);
                line.tell(&Order::Go).map_err(|_| lost("the sandbox does not answer"))?;
            }
            Ok(Some((Report::Started, _))) => return Ok(pids),
            Ok(Some((Report::NotRun(number), _))) => {
                return Err(LaunchError::Exec(super::errno::name(number)));
            }
            Ok(Some((Report::Refused(why), _))) => return Err(refused(why)),
            Ok(Some((Report::Ended { .. }, _)) | None) | Err(_) => {
                log(complaints);
                return Err(lost("the sandbox could not be set up"));
            }
        }
    }
}

fn lost(why: &str) -> LaunchError {
    LaunchError::Failed(why.to_owned())
}

fn refused(why: Refusal) -> LaunchError {
    match why {
        Refusal::OutsideRoot => LaunchError::OutsideRoot,
        Refusal::NoDirectory => LaunchError::NoDirectory,
        Refusal::Failed(why) => LaunchError::Failed(why),
    }
}

/// Says to the operator what a guest may not read. The pipe does not wait.
fn log(complaints: OwnedFd) {
    let mut text = vec![0; COMPLAINTS];
    let length = std::fs::File::from(complaints).read(&mut text).unwrap_or(0);
    text.truncate(length);
    tracing::warn!(complaint = %String::from_utf8_lossy(&text).trim(), "a process sandbox could not be set up");
}

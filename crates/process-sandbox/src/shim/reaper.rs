//! Who is left when the command runs: signals in, the exit out, and nobody survives.

use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, PoisonError};
use std::{fs, io};

use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitIdOptions, WaitOptions, WaitStatus};
use rustix::process::{WaitId, kill_process, kill_process_group};

use crate::wire::{self, Order, Report};

/// The command as long as it has not been reaped: until then its number is nobody else's.
type Leader = Arc<Mutex<Option<Pid>>>;

/// Returns when the command and everything it started are gone.
pub(super) fn run(line: OwnedFd, leader: Pid, namespace: bool) -> io::Result<()> {
    let alive: Leader = Arc::new(Mutex::new(Some(leader)));
    wire::send(&line, &Report::Started)?;
    let (heard, orders) = (Arc::clone(&alive), line.try_clone()?);
    std::thread::Builder::new().spawn(move || obey(&orders, &heard, namespace))?;
    let status = outlive(leader, &alive)?;
    if !namespace {
        kill_the_rest();
    }
    let (cpu_us, peak_kib) = crate::raw::usage_of_the_dead();
    let (code, signal) = (status.exit_status(), status.terminating_signal());
    wire::send(&line, &Report::Ended { code, signal, cpu_us, peak_kib })
}

/// Reaps whatever ends until the command does.
fn outlive(leader: Pid, alive: &Leader) -> io::Result<WaitStatus> {
    loop {
        wait_for_any()?;
        // Whoever signals holds this too, so the number cannot become another's in between.
        let mut alive = alive.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((pid, status)) = rustix::process::wait(WaitOptions::NOHANG)?
            && pid == leader
        {
            *alive = None;
            return Ok(status);
        }
    }
}

/// Waits until a child can be reaped, and leaves it.
fn wait_for_any() -> io::Result<()> {
    loop {
        match rustix::process::waitid(WaitId::All, WaitIdOptions::EXITED | WaitIdOptions::NOWAIT) {
            Err(Errno::INTR) => {}
            waited => return Ok(waited.map(drop)?),
        }
    }
}

/// Does what the host says, until it says nothing any more: then this process ends, and all with it.
fn obey(orders: &OwnedFd, leader: &Leader, namespace: bool) {
    loop {
        match wire::receive(orders) {
            Ok(Some((Order::Signal(number), _))) => {
                if let Some(signal) = Signal::from_named_raw(number) {
                    tell(leader, signal);
                }
            }
            Ok(Some((Order::Kill, _))) => kill(leader),
            Ok(Some((Order::Go, _))) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Ok(None) | Err(_) => break,
        }
    }
    if namespace {
        std::process::exit(1);
    }
    // The other thread sees its end and then kills the rest.
    kill(leader);
}

fn tell(leader: &Leader, signal: Signal) {
    let leader = leader.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(group) = *leader {
        let _ = kill_process_group(group, signal);
    }
}

/// The command too if it has left its group; everybody else follows when it is reaped.
fn kill(leader: &Leader) {
    tell(leader, Signal::KILL);
    let leader = leader.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(pid) = *leader {
        let _ = kill_process(pid, Signal::KILL);
    }
}

/// Kills children until there are none: those of a child become ours when it ends.
fn kill_the_rest() {
    loop {
        for child in children() {
            let _ = kill_process(child, Signal::KILL);
        }
        if matches!(rustix::process::wait(WaitOptions::empty()), Err(Errno::CHILD)) {
            return;
        }
    }
}

fn children() -> Vec<Pid> {
    let tasks = fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let lists = tasks.filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
    let pids = lists.flat_map(|list| {
        list.split_whitespace().filter_map(|pid| Pid::from_raw(pid.parse().ok()?)).collect::<Vec<_>>()
    });
    pids.collect()
}

//! One command, from the plan to its last descendant's end.

use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{fs, io};

use landlock::RulesetCreated;
use rustix::fs::{Access, FileType, Mode};
use rustix::io::Errno;
use rustix::process::{DumpableBehavior, Pid, Signal};
use rustix::thread::{CapabilitiesSecureBits, CapabilitySet, CapabilitySets};
use seccompiler::BpfProgram;

use super::{below, files, limits, mounts, reaper, seccomp};
use crate::plan::{Fence, Plan};
use crate::wire::{self, Order, Refusal, Report};

/// Ends when the command has ended, or the host.
pub(super) fn run() -> i32 {
    match supervise() {
        Ok(()) => 0,
        Err(_) => 1,
    }
}

fn supervise() -> io::Result<()> {
    crate::raw::close_the_rest()?;
    let line = rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdin(), 3)?;
    let (plan, pipes) = wire::receive_plan(&line)?;
    wire::send(&line, &Report::Here)?;
    match start(&line, &plan, pipes) {
        Ok(leader) => reaper::run(line, leader, plan.namespace),
        Err(report) => wire::send(&line, &report),
    }
}

/// The command's pid, or what is to be said of why there is none.
fn start(line: &OwnedFd, plan: &Plan, pipes: Vec<OwnedFd>) -> Result<Pid, Report> {
    prepare(plan).and_then(|()| verify(plan)).map_err(Report::Refused)?;
    let entered = enter(line, plan).map_err(Report::Refused)?;
    let child = command(plan, pipes).and_then(|command| crate::raw::spawn_after(command, entered));
    let child = child.map_err(|error| match error.raw_os_error() {
        Some(number) => Report::NotRun(number),
        None => Report::Refused(Refusal::Failed(error.to_string())),
    })?;
    Ok(Pid::from_child(&child))
}

/// What holds for the shim too.
fn prepare(plan: &Plan) -> Result<(), Refusal> {
    if plan.namespace {
        rustix::process::set_parent_process_death_signal(Some(Signal::KILL))
            .map_err(Refusal::step("death signal"))?;
    } else {
        // Were it killed with the host, its descendants would not be: it ends them when its line does.
        rustix::process::set_child_subreaper(Some(rustix::process::getpid()))
            .map_err(Refusal::step("subreaper"))?;
    }
    // Fails where bubblewrap has done it.
    let _ = rustix::process::setsid();
    rustix::process::umask(Mode::RWXG | Mode::RWXO);
    if let Some(fence) = &plan.fence {
        if fence.mounts {
            mounts::hold(&fence.writes).map_err(Refusal::step("mounts"))?;
        }
        rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable)
            .map_err(Refusal::step("dumpable"))?;
        drop_capabilities().map_err(Refusal::step("capabilities"))?;
    }
    Ok(())
}

/// All of them, and the way back to them.
fn drop_capabilities() -> rustix::io::Result<()> {
    rustix::thread::clear_ambient_capability_set()?;
    if rustix::thread::capabilities(None)?.effective.contains(CapabilitySet::SETPCAP) {
        for capability in CapabilitySet::all().iter() {
            // A capability that this kernel does not know is not there.
            let _ = rustix::thread::remove_capability_from_bounding_set(capability);
        }
        let locked = CapabilitiesSecureBits::NO_ROOT | CapabilitiesSecureBits::NO_ROOT_LOCKED;
        rustix::thread::set_capabilities_secure_bits(locked)?;
    }
    let none = CapabilitySet::empty();
    let sets = CapabilitySets { effective: none, permitted: none, inheritable: none };
    rustix::thread::set_capabilities(None, sets)
}

/// Whether what is mounted here is what the host looked at, and shows what it was given.
fn verify(plan: &Plan) -> Result<(), Refusal> {
    for (path, device, inode) in &plan.pinned {
        let found = rustix::fs::stat(path.path()).map_err(Refusal::step("granted directory"))?;
        if (found.st_dev, found.st_ino) != (*device, *inode) {
            return Err(Refusal::Failed("a granted directory was exchanged".to_owned()));
        }
    }
    for (path, hash) in &plan.injected {
        let content = fs::read(path.path()).map_err(Refusal::step("injected file"))?;
        if blake3::hash(&content).as_bytes() != hash {
            return Err(Refusal::Failed("an injected file is not what was given".to_owned()));
        }
    }
    if let Some(home) = &plan.home {
        below::open(home)?;
    }
    Ok(())
}

/// What the command's process does to itself before it becomes the command.
fn enter(
    line: &OwnedFd,
    plan: &Plan,
) -> Result<impl FnMut() -> io::Result<()> + Send + Sync + use<>, Refusal> {
    let line = line.try_clone().map_err(Refusal::step("line"))?;
    let cwd = below::open(&plan.cwd)?;
    let mut fence = plan.fence.as_ref().map(Fenced::new).transpose()?;
    let rlimits = plan.limits;
    Ok(move || {
        let entered = wait_for_go(&line, &cwd)
            .and_then(|()| fence.take().map_or(Ok(()), Fenced::put_on))
            .and_then(|()| limits::apply(&rlimits).map_err(Refusal::step("limits")));
        entered.map_err(|refusal| {
            // The host takes the first report, and the parent makes one of whatever is returned here.
            let _ = wire::send(&line, &Report::Refused(refusal));
            io::Error::from_raw_os_error(libc::ECANCELED)
        })
    })
}

fn wait_for_go(line: &OwnedFd, cwd: &OwnedFd) -> Result<(), Refusal> {
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))
        .map_err(Refusal::step("death signal"))?;
    rustix::process::fchdir(cwd).map_err(Refusal::step("working directory"))?;
    wire::send(line, &Report::Waiting).map_err(Refusal::step("line"))?;
    match wire::receive(line) {
        Ok(Some((Order::Go, _))) => Ok(()),
        _ => Err(Refusal::Failed("the host is gone".to_owned())),
    }
}

/// What the command is held by, ready to be put on.
struct Fenced {
    files: RulesetCreated,
    calls: Vec<BpfProgram>,
}

impl Fenced {
    fn new(fence: &Fence) -> Result<Self, Refusal> {
        Ok(Self { files: files::rules(fence)?, calls: seccomp::filters(fence)? })
    }

    fn put_on(self) -> Result<(), Refusal> {
        rustix::thread::set_no_new_privs(true).map_err(Refusal::step("no new privileges"))?;
        self.files.restrict_self().map_err(Refusal::step("landlock"))?;
        self.calls
            .iter()
            .try_for_each(|filter| seccompiler::apply_filter(filter).map_err(Refusal::step("seccomp")))
    }
}

fn command(plan: &Plan, pipes: Vec<OwnedFd>) -> io::Result<Command> {
    let mut pipes = pipes.into_iter();
    let mut pipe = || pipes.next().map(Stdio::from);
    let (stdout, stderr, stdin) = (pipe(), pipe(), pipe());
    let missing = || io::Error::from(io::ErrorKind::UnexpectedEof);
    let mut command = Command::new(find(plan)?);
    command.arg0(&plan.program).args(&plan.args).env_clear();
    command.envs(plan.env.iter().map(|(key, value)| (key.text(), value.text())));
    command.process_group(0);
    command.stdout(stdout.ok_or_else(missing)?).stderr(stderr.ok_or_else(missing)?);
    command.stdin(stdin.unwrap_or_else(Stdio::null));
    Ok(command)
}

/// The file of the program: here, since the environment's `PATH` is the guest's.
fn find(plan: &Plan) -> io::Result<PathBuf> {
    if plan.program.contains('/') {
        return Ok(PathBuf::from(&plan.program));
    }
    let mut error = libc::ENOENT;
    for directory in &plan.search {
        let file = directory.path().join(&plan.program);
        match runnable(&file) {
            Ok(()) => return Ok(file),
            Err(Errno::ACCESS) => error = libc::EACCES,
            Err(_) => {}
        }
    }
    Err(io::Error::from_raw_os_error(error))
}

fn runnable(file: &Path) -> rustix::io::Result<()> {
    let kind = FileType::from_raw_mode(rustix::fs::stat(file)?.st_mode);
    if kind != FileType::RegularFile {
        return Err(Errno::ACCESS);
    }
    rustix::fs::access(file, Access::EXEC_OK)
}

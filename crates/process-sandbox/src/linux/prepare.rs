//! Everything that can be made ready before anything is started.

use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use astrid_host_process::{Launch, LaunchError, Network, Roots, WorkDir};
use rustix::net::{AddressFamily, SocketFlags, SocketType};
use rustix::pipe::PipeFlags;

use super::Host;
use super::bubblewrap::{self, View};
use super::environment::Environment;
use super::ground::Ground;
use super::inject::{self, Placed};
use super::means::Means;
use super::scratch::Private;
use crate::plan::{Below, Fence, Plan, Raw};
use crate::shim::stage;

/// Devices that every command may use; in a sandbox with mounts, all that there are.
const DEVICES: [&str; 6] = ["/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty"];

/// A start that only has to be made.
#[derive(Debug)]
pub(super) struct Prepared {
    command: Command,
    line: OwnedFd,
    plan: OwnedFd,
    /// The command's ends: output, error and, if wanted, input.
    theirs: Vec<OwnedFd>,
    pub(super) ours: Ours,
}

/// What stays with the host.
#[derive(Debug)]
pub(super) struct Ours {
    pub(super) line: OwnedFd,
    pub(super) stdout: OwnedFd,
    pub(super) stderr: OwnedFd,
    pub(super) stdin: Option<OwnedFd>,
    /// What the wrapper or the shim complain of.
    pub(super) complaints: OwnedFd,
    pub(super) private: Option<Private>,
}

/// A process that was started and that nobody looks after yet: dropping it kills it.
#[derive(Debug)]
pub(super) struct Forked(Option<Child>);

impl Forked {
    pub(super) fn into_child(mut self) -> Option<Child> {
        self.0.take()
    }
}

impl Drop for Forked {
    fn drop(&mut self) {
        if let Some(child) = &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Prepared {
    /// On the thread that lives as long as what it starts. The plan is sent at once: it waits in the socket.
    pub(super) fn fork(self) -> io::Result<(Forked, Ours)> {
        let Self { mut command, line, plan, theirs, ours } = self;
        command.stdin(Stdio::from(line));
        let child = Forked(Some(command.spawn()?));
        crate::wire::send_plan(&ours.line, &plan, &theirs)?;
        Ok((child, ours))
    }
}

/// Checks and makes everything; waits for disks.
pub(super) fn prepare(host: &Host, means: &Means, launch: Launch) -> Result<Prepared, LaunchError> {
    if launch.network == Network::None && !means.cuts_network() {
        return Err(LaunchError::Failed("the network cannot be taken away here".to_owned()));
    }
    let limits = super::limits::plan(&launch.limits, means)?;
    let ground = Ground::open(host, &launch.roots)?;
    let path = host.settings.environment.iter().find(|(name, _)| name == "PATH");
    let search = super::path_list::sanitised(path.map(|(_, value)| value.as_os_str()), &ground);
    let readable = ground.readable(&search);
    let mounts = matches!(means, Means::Bubblewrap { .. });
    if !mounts && *means != Means::Off && !ground.exposed(&readable).is_empty() {
        return Err(LaunchError::Masked);
    }
    let private =
        (!mounts).then(|| host.scratch.make()).transpose().map_err(failed("a private directory"))?;
    let injected = injected(means, launch.injections, &ground, &readable, private.as_ref())?;
    let (home, scratch) = match &private {
        Some(private) => (private.home(), private.scratch()),
        None => (bubblewrap::HOME.into(), bubblewrap::SCRATCH.into()),
    };
    let mut environment = Environment::passed(host, &search, &home, &scratch);
    for (name, value) in launch.env {
        environment.set(name, value);
    }
    let cwd = below(&launch.cwd, &ground, &launch.roots)?;
    let chosen = launch.home.map(|home| below(&home, &ground, &launch.roots)).transpose()?;
    if let Some(home) = &chosen {
        environment.set("HOME", home.path());
    }
    for placed in &injected {
        if let Some(variable) = &placed.variable {
            environment.set(variable, placed.path.clone());
        }
    }
    let fence = fence(means, launch.network, &ground, &readable, private.as_ref());
    let view = View {
        ground: &ground,
        readable: &readable,
        injected: &injected,
        network: launch.network,
        room: launch.limits.memory.value,
        shim: &host.shim,
    };
    let (command, complaints) = wrapper(host, means, &view).map_err(failed("the sandbox"))?;
    let plan = Plan {
        program: launch.command.program,
        args: launch.command.args,
        env: environment.into_plan(),
        search: search.into_iter().map(Raw::from).collect(),
        pinned: ground.pinned().map(|dir| (Raw::from(dir.path.clone()), dir.device, dir.inode)).collect(),
        cwd,
        home: chosen,
        injected: injected.iter().map(|placed| (Raw::from(placed.path.clone()), placed.hash)).collect(),
        limits,
        fence,
        namespace: means.namespace(),
    };
    connect(command, complaints, &plan, launch.stdin, private).map_err(failed("the pipes"))
}

fn failed(what: &'static str) -> impl Fn(io::Error) -> LaunchError {
    move |error| LaunchError::Failed(format!("{what} cannot be made: {}", error.kind()))
}

fn injected(
    means: &Means,
    injections: Vec<astrid_host_process::Injection>,
    ground: &Ground,
    readable: &[PathBuf],
    private: Option<&Private>,
) -> Result<Vec<Placed>, LaunchError> {
    match (means, private) {
        (Means::Off, _) if !injections.is_empty() => Err(LaunchError::Injection),
        (_, Some(private)) => inject::on_disk(injections, private),
        (_, None) => inject::mounted(injections, ground, readable),
    }
}

/// A directory as the shim will open it, beneath the root without links.
fn below(directory: &WorkDir, ground: &Ground, roots: &Roots) -> Result<Below, LaunchError> {
    let (root, parts) = match directory {
        WorkDir::Workspace(parts) => (&ground.workspace, parts),
        WorkDir::Home(parts) => match (&ground.home, &roots.home) {
            (Some((home, _)), Some(_)) => (home, parts),
            _ => return Err(LaunchError::NoDirectory),
        },
    };
    Ok(Below { root: root.path.clone().into(), parts: parts.clone() })
}

/// What is allowed on top of the mounts, or instead of them.
fn fence(
    means: &Means,
    network: Network,
    ground: &Ground,
    readable: &[PathBuf],
    private: Option<&Private>,
) -> Option<Fence> {
    let granted = ground.writable().map(|directory| directory.path.clone());
    let cut = network == Network::None;
    match means {
        Means::Off => None,
        Means::Bubblewrap { .. } => {
            let own = ["/dev", bubblewrap::HOME, bubblewrap::SCRATCH].map(PathBuf::from);
            Some(Fence {
                files_required: false,
                mounts: false,
                lists: Vec::new(),
                reads: vec![Raw::from("/")],
                writes: own.into_iter().chain(granted).map(Raw::from).collect(),
                no_internet: false,
                no_local: false,
            })
        }
        Means::Landlock { mounts, .. } => {
            let home = ground.home.iter().map(|(home, _)| home.path.clone());
            let reads = readable
                .iter()
                .cloned()
                .chain([PathBuf::from("/proc")])
                .chain(home)
                .chain(private.map(Private::injected));
            let own = private.into_iter().flat_map(|private| [private.home(), private.scratch()]);
            let devices = DEVICES.iter().map(PathBuf::from);
            Some(Fence {
                files_required: true,
                mounts: *mounts,
                // Whatever else is there may be the host's disks.
                lists: vec![Raw::from("/dev")],
                reads: reads.map(Raw::from).collect(),
                writes: devices.chain(own).chain(granted).map(Raw::from).collect(),
                no_internet: cut,
                no_local: true,
            })
        }
    }
}

/// What is started on the host, its standard input still missing, and what it complains through.
fn wrapper(host: &Host, means: &Means, view: &View<'_>) -> io::Result<(Command, OwnedFd)> {
    let mut command = match means {
        Means::Bubblewrap { program, binds_fds } => {
            let arguments = view.arguments(*binds_fds)?;
            let mut command = Command::new(program);
            command.args(arguments.list).env_clear();
            crate::raw::inherit(&mut command, arguments.fds);
            command
        }
        Means::Landlock { namespace: true, .. } => host.shim.command(&[stage::UNSHARE, stage::SUPERVISE]),
        Means::Landlock { .. } | Means::Off => host.shim.command(&[stage::SUPERVISE]),
    };
    let (complaints, stderr) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
    command.stdout(Stdio::null()).stderr(Stdio::from(stderr)).current_dir(Path::new("/"));
    Ok((command, complaints))
}

fn connect(
    command: Command,
    complaints: OwnedFd,
    plan: &Plan,
    stdin: bool,
    private: Option<Private>,
) -> io::Result<Prepared> {
    let plan = crate::wire::sealed(&postcard::to_allocvec(plan).map_err(io::Error::other)?)?;
    let (line, shims) =
        rustix::net::socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
    rustix::net::sockopt::set_socket_passcred(&line, true)?;
    rustix::fs::fcntl_setfl(&line, rustix::fs::OFlags::NONBLOCK)?;
    let (stdout, out) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC)?;
    let (stderr, err) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC)?;
    let mut theirs = vec![out, err];
    let mut ours = Ours { line, stdout, stderr, stdin: None, complaints, private };
    if stdin {
        let (reader, writer) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC)?;
        theirs.push(reader);
        ours.stdin = Some(writer);
    }
    Ok(Prepared { command, line: shims, plan, theirs, ours })
}

//! What the host and the shim tell each other, over a socket that keeps messages apart.

use std::fs::File;
use std::io::{self, IoSlice, IoSliceMut, Read, Seek, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{MemfdFlags, SealFlags};
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::plan::Plan;

/// The longest message; what can be longer travels in a memory file.
const LONGEST: usize = 1024;
/// A plan, standard input, output and error.
const MOST_FDS: usize = 4;

/// What the shim reports.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Report {
    /// The shim itself is there; the kernel says what its pid is.
    Here,
    /// The process that will be the command waits for [`Order::Go`]; the kernel says what its pid is.
    Waiting,
    /// The program runs.
    Started,
    /// It could not be run: the error's number.
    NotRun(i32),
    /// Nothing was run.
    Refused(Refusal),
    /// The command is over.
    Ended { code: Option<i32>, signal: Option<i32>, cpu_us: u64, peak_kib: u64 },
}

/// Why nothing was run.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Refusal {
    /// The working directory, or the home, is outside its root.
    OutsideRoot,
    /// It is no directory.
    NoDirectory,
    /// Something else: which step, without paths.
    Failed(String),
}

impl Refusal {
    /// For `map_err`: the step that failed.
    pub(crate) fn step<E: std::fmt::Display>(step: &'static str) -> impl Fn(E) -> Self {
        move |error| Self::Failed(format!("{step}: {error}"))
    }
}

/// What the host wants.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Order {
    /// The program may run.
    Go,
    /// Signal the command's group.
    Signal(i32),
    /// Kill everything.
    Kill,
}

/// Sends one message.
pub(crate) fn send(socket: impl AsFd, message: &impl Serialize) -> io::Result<()> {
    let bytes = postcard::to_allocvec(message).map_err(io::Error::other)?;
    rustix::net::send(socket, &bytes, SendFlags::NOSIGNAL)?;
    Ok(())
}

/// Waits for one message, `None` once the other end is gone, with the sender's pid where it was asked for.
pub(crate) fn receive<M: DeserializeOwned>(socket: impl AsFd) -> io::Result<Option<(M, Option<u32>)>> {
    let mut bytes = [0; LONGEST];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmCredentials(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let got = rustix::net::recvmsg(
        socket,
        &mut [IoSliceMut::new(&mut bytes)],
        &mut control,
        RecvFlags::CMSG_CLOEXEC,
    )?;
    if got.bytes == 0 {
        return Ok(None);
    }
    let pid = control.drain().find_map(|message| match message {
        RecvAncillaryMessage::ScmCredentials(sender) => u32::try_from(sender.pid.as_raw_pid()).ok(),
        _ => None,
    });
    let message = bytes.get(..got.bytes).unwrap_or_default();
    Ok(Some((postcard::from_bytes(message).map_err(io::Error::other)?, pid)))
}

/// Sends the plan and the ends of the pipes that belong to the command.
pub(crate) fn send_plan(socket: impl AsFd, plan: &OwnedFd, pipes: &[OwnedFd]) -> io::Result<()> {
    let fds: Vec<BorrowedFd<'_>> = std::iter::once(plan).chain(pipes).map(AsFd::as_fd).collect();
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_FDS))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !control.push(SendAncillaryMessage::ScmRights(&fds)) {
        return Err(io::Error::other("too many descriptors"));
    }
    rustix::net::sendmsg(socket, &[IoSlice::new(b"plan")], &mut control, SendFlags::NOSIGNAL)?;
    Ok(())
}

/// Waits for the plan; with it come standard output, error and, if it is a pipe, input.
pub(crate) fn receive_plan(socket: impl AsFd) -> io::Result<(Plan, Vec<OwnedFd>)> {
    let mut bytes = [0; 8];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_FDS))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    rustix::net::recvmsg(socket, &mut [IoSliceMut::new(&mut bytes)], &mut control, RecvFlags::CMSG_CLOEXEC)?;
    let mut fds = control.drain().filter_map(|message| match message {
        RecvAncillaryMessage::ScmRights(fds) => Some(fds),
        _ => None,
    });
    let mut fds = fds.next().ok_or(io::ErrorKind::UnexpectedEof)?;
    let mut file = File::from(fds.next().ok_or(io::ErrorKind::UnexpectedEof)?);
    let mut plan = Vec::new();
    file.rewind()?;
    file.read_to_end(&mut plan)?;
    Ok((postcard::from_bytes(&plan).map_err(io::Error::other)?, fds.collect()))
}

/// A file in memory alone that nobody can change any more.
pub(crate) fn sealed(content: &[u8]) -> io::Result<OwnedFd> {
    let fd = rustix::fs::memfd_create("astrid", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
    let mut file = File::from(fd);
    file.write_all(content)?;
    file.rewind()?;
    let seals = SealFlags::WRITE | SealFlags::GROW | SealFlags::SHRINK | SealFlags::SEAL;
    rustix::fs::fcntl_add_seals(&file, seals)?;
    Ok(file.into())
}

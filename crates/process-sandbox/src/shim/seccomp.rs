//! System calls that no command of a guest needs, and with which one could leave its sandbox.

use std::collections::BTreeMap;

use libc::c_long;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    TargetArch,
};

use crate::plan::Fence;
use crate::wire::Refusal;

/// Refused whatever their arguments.
const REFUSED: &[c_long] = &[
    // Mounting.
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_move_mount,
    libc::SYS_open_tree,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_mount_setattr,
    // Namespaces, in which a process would have capabilities again.
    libc::SYS_unshare,
    libc::SYS_setns,
    // Looking into other processes.
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_process_madvise,
    libc::SYS_pidfd_getfd,
    libc::SYS_kcmp,
    // The kernel's own machinery.
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_kexec_load,
    libc::SYS_kexec_file_load,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_open_by_handle_at,
    // Keys of the user's session.
    libc::SYS_keyctl,
    libc::SYS_add_key,
    libc::SYS_request_key,
];

/// `TIOCSTI` and `TIOCLINUX`, with which a process types into a terminal; alike on all architectures that filters
/// are made for, and of a different type in each C library.
const TYPING: [u64; 2] = [0x5412, 0x541c];

/// On x86-64 every call has a second number, and a filter that knows only the first lets it pass.
const X32: c_long = if cfg!(target_arch = "x86_64") { 0x4000_0000 } else { 0 };

/// The filters, to be put on one after the other by the command's process itself.
pub(super) fn filters(fence: &Fence) -> Result<Vec<BpfProgram>, Refusal> {
    compile(fence).map_err(Refusal::step("seccomp"))
}

fn compile(fence: &Fence) -> Result<Vec<BpfProgram>, seccompiler::BackendError> {
    let mut refused: BTreeMap<c_long, Vec<SeccompRule>> =
        REFUSED.iter().map(|&call| (call, Vec::new())).collect();
    let user = u64::from(libc::CLONE_NEWUSER.cast_unsigned());
    refused
        .insert(libc::SYS_clone, vec![with(0, SeccompCmpArgLen::Qword, SeccompCmpOp::MaskedEq(user), user)?]);
    let typed = TYPING.map(|request| with(1, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, request));
    refused.insert(libc::SYS_ioctl, typed.into_iter().collect::<Result<_, _>>()?);
    let mut families = vec![libc::AF_PACKET, libc::AF_VSOCK];
    if fence.no_internet {
        families.extend([libc::AF_INET, libc::AF_INET6]);
    }
    if fence.no_local {
        families.push(libc::AF_UNIX);
    }
    let of =
        |family: i32| with(0, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, u64::from(family.cast_unsigned()));
    refused.insert(libc::SYS_socket, families.into_iter().map(of).collect::<Result<_, _>>()?);
    // Its flags are in memory, where a filter cannot look; told that there is none, libraries use `clone`.
    let absent = BTreeMap::from([(libc::SYS_clone3, Vec::new())]);
    Ok(vec![program(refused, libc::EPERM)?, program(absent, libc::ENOSYS)?])
}

fn with(
    argument: u8,
    length: SeccompCmpArgLen,
    compare: SeccompCmpOp,
    value: u64,
) -> Result<SeccompRule, seccompiler::BackendError> {
    SeccompRule::new(vec![SeccompCondition::new(argument, length, compare, value)?])
}

fn program(
    mut calls: BTreeMap<c_long, Vec<SeccompRule>>,
    errno: i32,
) -> Result<BpfProgram, seccompiler::BackendError> {
    let second: Vec<_> = calls.iter().map(|(call, rules)| (call | X32, rules.clone())).collect();
    calls.extend(second);
    let architecture = TargetArch::try_from(std::env::consts::ARCH)?;
    let refuse = SeccompAction::Errno(errno.cast_unsigned());
    SeccompFilter::new(calls, SeccompAction::Allow, refuse, architecture)?.try_into()
}

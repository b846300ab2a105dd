//! The same test again, in a process with other rights.

use std::os::unix::process::CommandExt;
use std::process::Command;

const INSIDE: &str = "ASTRID_FS_TEST_INSIDE";

fn again(program: Option<&str>, test: &str) -> Command {
    let own = std::env::current_exe().unwrap();
    let mut command = Command::new(program.map_or(own.as_os_str(), str::as_ref));
    if program.is_some() {
        command.arg("-rm").arg(own);
    }
    command.args(["--exact", test, "--nocapture"]).env(INSIDE, "1");
    command
}

/// Runs it, and makes sure that the name was one of a test: a runner without any succeeds as well.
fn passed(mut command: Command) {
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && said.contains("1 passed"),
        "{said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// Whether the test was done in a process that permissions apply to, because this one is root.
pub(crate) fn done_by_nobody(test: &str) -> bool {
    if !rustix::process::geteuid().is_root() {
        return false;
    }
    let mut child = again(None, test);
    child.uid(65534).gid(65534);
    passed(child);
    true
}

/// Whether the test was done in a process that may mount, or cannot be done on this machine.
pub(crate) fn done_where_mounting_works(test: &str) -> bool {
    if std::env::var_os(INSIDE).is_some() {
        return false;
    }
    match Command::new("unshare").args(["-rm", "true"]).status() {
        Ok(status) if status.success() => passed(again(Some("unshare"), test)),
        _ => eprintln!("{test}: not done, this machine gives no mount namespace"),
    }
    true
}

/// Mounts, and says whether the kernel could.
pub(crate) fn mount(arguments: &[&str]) -> bool {
    Command::new("mount").args(arguments).status().unwrap().success()
}

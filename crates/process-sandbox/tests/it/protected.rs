//! What a command cannot do.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixListener;

use astrid_host_process::{LaunchError, Launcher};

use crate::support::{long_sleep, with_marker, worlds, worlds_with};

// process case 71
#[tokio::test]
async fn the_hosts_files_are_neither_written_nor_read() {
    let state = tempfile::tempdir().unwrap();
    fs::write(state.path().join("key"), "secret").unwrap();
    for world in worlds_with(|builder, _| builder.mask(state.path())) {
        let key = state.path().join("key");
        let script = format!(
            "echo x > /etc/of-a-test; echo x > /usr/of-a-test; cat {}; ls {}; cat /root/.ssh/* ~root/.ssh/*; \
             cat /etc/shadow; echo still here",
            key.display(),
            state.path().display()
        );
        let done = world.run(world.sh(&script)).await;
        assert_eq!(done.output(), "still here", "{}", world.grade);
        assert!(!std::path::Path::new("/etc/of-a-test").exists());
        assert!(!std::path::Path::new("/usr/of-a-test").exists());
    }
}

// process case 71
#[tokio::test]
async fn the_hosts_control_socket_is_out_of_reach() {
    let run = tempfile::tempdir().unwrap();
    let socket = run.path().join("system.sock");
    let listener = UnixListener::bind(&socket).unwrap();
    listener.set_nonblocking(true).unwrap();
    for world in worlds() {
        let script = format!(
            "use Socket; socket(S, PF_UNIX, SOCK_STREAM, 0) && connect(S, sockaddr_un('{}')) \
             ? print 'connected' : print 'refused'",
            socket.display()
        );
        assert_eq!(world.run(world.perl(&script)).await.output(), "refused", "{}", world.grade);
        assert!(listener.accept().is_err());
    }
}

// process case 71
#[tokio::test]
async fn processes_of_the_host_get_no_signal() {
    for world in worlds() {
        let marker = long_sleep();
        let mut victim = std::process::Command::new("sleep").arg(&marker).spawn().unwrap();
        let script = format!(
            "kill -TERM {0} && echo sent; kill -KILL {0} && echo sent; kill -KILL -{0}; echo end",
            victim.id()
        );
        let done = world.run(world.sh(&script)).await;
        let alive = with_marker(&marker);
        victim.kill().unwrap();
        victim.wait().unwrap();
        assert_eq!(done.output(), "end", "{}", world.grade);
        assert_eq!(alive, [victim.id()]);
    }
}

// process case 71
#[tokio::test]
async fn environment_and_memory_of_the_host_are_not_told() {
    for world in worlds() {
        let script = format!(
            "cd /proc/{0}; cat environ mem maps auxv; ls cwd/ root/; readlink fd/* cwd exe; cat fd/*; \
             echo end",
            std::process::id()
        );
        assert_eq!(world.run(world.sh(&script)).await.output(), "end", "{}", world.grade);
    }
}

// process case 71
#[cfg(target_arch = "x86_64")]
#[tokio::test]
async fn calls_that_lead_out_of_a_sandbox_are_refused() {
    // ptrace(PTRACE_ATTACH, child), unshare(NEWUSER), mount, setns, bpf, keyctl, io_uring_setup, and the
    // second number of unshare; -1 is a failure, and 1 the number of EPERM.
    let script = "my $child = fork; if (!$child) { sleep 60; exit } \
        my @calls = ([101, 16, $child, 0, 0], [272, 0x10000000], [165, 0, 0, 0, 0, 0], [308, 0, 0], \
                     [321, 0, 0, 0], [250, 0, 0, 0, 0, 0], [425, 1, 0], [56, 0x10000000 | 17, 0, 0, 0, 0]); \
        for (@calls) { my @c = map { int } @$_; my $r = syscall($c[0], @c[1 .. $#c]); print \"$c[0] $r $!\\n\" if $r != -1 || $! != 1 } \
        kill 9, $child; print 'end'";
    for world in worlds() {
        assert_eq!(world.run(world.perl(script)).await.output(), "end", "{}", world.grade);
        // No threads or processes of a kind that a filter cannot look into.
        let clone3 = world.perl("print syscall(435, 0, 0), ' ', $! + 0");
        assert_eq!(world.run(clone3).await.output(), "-1 38");
    }
}

#[tokio::test]
async fn a_command_has_no_capabilities_and_can_get_none() {
    for world in worlds() {
        let done = world.run(world.sh("grep -E '^(Cap|NoNewPrivs|Seccomp:)' /proc/self/status; umask")).await;
        for line in done.output().lines() {
            let value = line.split_whitespace().last().unwrap();
            let expected = match line.split(':').next().unwrap() {
                "NoNewPrivs" => "1",
                "Seccomp" => "2",
                "0077" => "0077",
                // Nobody but root can take from the bounding set, and nobody else needs to.
                "CapBnd" if !rustix::process::getuid().is_root() => value,
                _ => "0000000000000000",
            };
            assert_eq!(value, expected, "{} {line}", world.grade);
        }
        assert_eq!(done.output().lines().count(), 8);
    }
}

#[tokio::test]
async fn a_command_inherits_no_descriptor_and_no_terminal() {
    for world in worlds() {
        let script = "opendir(D, '/proc/self/fd'); print join ' ', sort grep { /\\d/ && $_ != fileno(D) } readdir D; \
                      print open(T, '<', '/dev/tty') ? ' tty' : ''";
        assert_eq!(world.run(world.perl(script)).await.output(), "0 1 2", "{}", world.grade);
    }
}

#[tokio::test]
async fn modes_and_times_of_the_hosts_files_stay_as_they_are() {
    let state = tempfile::tempdir().unwrap();
    let key = state.path().join("key");
    fs::write(&key, "secret").unwrap();
    let before = key.metadata().unwrap();
    for world in worlds() {
        if !world.sandbox.grade().unwrap().persistent {
            eprintln!("not done on {}: it has no namespaces here", world.grade);
            continue;
        }
        let script = format!(
            "chmod 777 {0} {1}; touch -d @1 {0}; chmod 700 . && echo own",
            key.display(),
            state.path().display()
        );
        assert_eq!(world.run(world.sh(&script)).await.output(), "own", "{}", world.grade);
        let after = key.metadata().unwrap();
        assert_eq!((after.mode(), after.mtime()), (before.mode(), before.mtime()), "{}", world.grade);
    }
}

#[tokio::test]
async fn of_devices_only_the_harmless_ones_are_there() {
    for world in worlds() {
        let script = "for d in null zero full random urandom; do head -c 1 /dev/$d | wc -c; done | tr -d '\\n'; \
                      echo x > /dev/null && echo ' written'; ls /dev > /dev/null && echo listed; \
                      for d in $(ls /dev); do test -b /dev/$d && head -c 1 /dev/$d > /dev/null && echo $d; done; \
                      head -c 1 /dev/mem /dev/kmsg; head -c 1 /proc/kcore; true";
        assert_eq!(world.run(world.sh(script)).await.output(), "01111 written\nlisted", "{}", world.grade);
    }
}

#[tokio::test]
async fn a_grant_over_something_protected_starts_nothing() {
    let state = tempfile::tempdir().unwrap();
    fs::create_dir_all(state.path().join("keys/deep")).unwrap();
    let keys = state.path().join("keys");
    for world in worlds_with(|builder, _| builder.mask(&keys)) {
        for root in [state.path().to_owned(), keys.clone(), keys.join("deep")] {
            let mut launch = world.launch("true", &[]);
            launch.roots.workspace = root;
            assert!(matches!(world.try_run(launch).await, Err(LaunchError::Masked)), "{}", world.grade);
        }
        // A home may lie in it, and not around it.
        for (home, granted) in
            [(keys.join("deep"), true), (keys.clone(), false), (state.path().to_owned(), false)]
        {
            let mut launch = world.launch("true", &[]);
            launch.roots.home = Some((home, false));
            assert_eq!(world.try_run(launch).await.is_ok(), granted);
        }
    }
    for world in worlds_with(|builder, _| builder.mask(&keys).read_path(state.path())) {
        assert!(matches!(world.try_run(world.launch("true", &[])).await, Err(LaunchError::Masked)));
    }
}

#[tokio::test]
async fn the_operators_own_grants_are_seen() {
    let (read, write) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    fs::write(read.path().join("file"), "readable").unwrap();
    for world in worlds_with(|builder, _| builder.read_path(read.path()).write_path(write.path())) {
        let (file, made) = (read.path().join("file"), write.path().join(world.grade));
        let script = format!("cat {0}; echo x > {0}; echo written > {1}", file.display(), made.display());
        assert_eq!(world.run(world.sh(&script)).await.output(), "readable", "{}", world.grade);
        assert_eq!(fs::read_to_string(made).unwrap(), "written\n");
    }
}

#[tokio::test]
async fn the_workspace_is_readable_and_writable() {
    for world in worlds() {
        let script = "mkdir d && echo one > d/f && mv d/f g && ln g h && truncate -s 1 g && cat h && rm g h && rmdir d";
        assert_eq!(world.run(world.sh(script)).await.output(), "o", "{}", world.grade);
    }
}

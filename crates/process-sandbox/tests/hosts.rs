//! Hosts that are programs of their own: one that is killed, and one that another user runs.
#![cfg_attr(
    target_os = "linux",
    expect(
        clippy::unwrap_used,
        clippy::panic,
        clippy::indexing_slicing,
        reason = "this is a test without items of tests"
    )
)]

#[cfg(target_os = "linux")]
mod hosts {
    use std::fs::Permissions;
    use std::io::{BufRead, BufReader, Write};
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::process::CommandExt;
    use std::path::Path;
    use std::process::{Command, Stdio};
    use std::time::{Duration, Instant};

    use astrid_host_process::{
        Command as Program, Launch, Launcher, Limit, Limits, Network, Roots, Running, WorkDir,
    };
    use astrid_process_sandbox::{Isolation, Sandbox};
    use tokio::io::AsyncReadExt;

    /// What this program is, when it is not the test: the variable, and its values.
    const ROLE: &str = "ASTRID_TEST_ROLE";
    const KILLED: &str = "killed";
    const BOUNDED: &str = "bounded";
    const PATIENCE: Duration = Duration::from_secs(60);
    /// Some user who is not root, and whom every system has.
    const NOBODY: u32 = 65534;

    const GRADES: [(&str, Isolation); 3] =
        [("bwrap", Isolation::Bubblewrap), ("landlock", Isolation::Landlock), ("off", Isolation::Off)];

    pub(super) fn main() {
        let arguments: Vec<String> = std::env::args().collect();
        match std::env::var(ROLE).as_deref() {
            Ok(KILLED) => runtime().block_on(killed(&arguments)),
            Ok(BOUNDED) => runtime().block_on(bounded(&arguments)),
            _ => {
                nothing_outlives_a_host_that_is_killed();
                processes_of_others_than_root_are_counted();
                println!("test result: ok. 2 passed");
            }
        }
    }

    fn runtime() -> tokio::runtime::Runtime {
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
    }

    fn sandbox(grade: &str, scratch: &str) -> Sandbox {
        let isolation = GRADES.iter().find(|(name, _)| *name == grade).unwrap().1;
        // This very program is the shim.
        Sandbox::builder(scratch).isolation(isolation).start_deadline(PATIENCE).build().unwrap()
    }

    fn launch(workspace: &str, program: &str, args: &[&str], pids: Limit) -> Launch {
        let limit = |value| Limit { value, explicit: false };
        Launch {
            command: Program {
                program: program.to_owned(),
                args: args.iter().map(|&a| a.to_owned()).collect(),
            },
            env: Vec::new(),
            roots: Roots { workspace: workspace.into(), home: None },
            cwd: WorkDir::Workspace(Vec::new()),
            home: None,
            limits: Limits { memory: limit(1 << 30), cpu_secs: limit(60), pids, open_files: limit(256) },
            injections: Vec::new(),
            network: Network::Host,
            stdin: false,
        }
    }

    /// `true` if this machine has the grade; says so otherwise.
    fn there(grade: &str, scratch: &Path) -> bool {
        match sandbox(grade, scratch.to_str().unwrap()).grade() {
            Ok(_) => true,
            Err(why) => {
                println!("not done on {grade}: {why}");
                false
            }
        }
    }

    fn this() -> Command {
        Command::new(std::env::current_exe().unwrap())
    }

    // process case 76
    fn nothing_outlives_a_host_that_is_killed() {
        for (grade, _) in GRADES {
            let alone = Permissions::from_mode(0o700);
            let scratch = tempfile::Builder::new().permissions(alone).tempdir().unwrap();
            let workspace = tempfile::tempdir().unwrap();
            if !there(grade, scratch.path()) {
                continue;
            }
            let marker = format!("7{:07}.{}", std::process::id(), grade.len());
            let mut host = this()
                .args([grade, workspace.path().to_str().unwrap(), scratch.path().to_str().unwrap(), &marker])
                .env(ROLE, KILLED)
                .stdout(Stdio::piped())
                .spawn()
                .unwrap();
            let mut said = String::new();
            BufReader::new(host.stdout.as_mut().unwrap()).read_line(&mut said).unwrap();
            assert_eq!(said, "ready\n");
            // Three shells, two sleepers of each.
            assert!(with_marker(&marker) >= 6, "{grade}");
            host.kill().unwrap();
            host.wait().unwrap();
            let start = Instant::now();
            while with_marker(&marker) > 0 {
                assert!(start.elapsed() < PATIENCE, "{grade}: {} are left", with_marker(&marker));
                std::thread::sleep(Duration::from_millis(20));
            }
            println!("{grade}: nothing left {:?} after the host", start.elapsed());
            let after = sandbox(grade, scratch.path().to_str().unwrap());
            let folders: Vec<_> = std::fs::read_dir(scratch.path()).unwrap().flatten().collect();
            assert_eq!(folders.len(), 1, "{grade}: {folders:?}");
            assert_eq!(std::fs::read_dir(folders[0].path()).unwrap().count(), 0);
            drop(after);
        }
    }

    async fn killed(arguments: &[String]) {
        let [_, grade, workspace, scratch, marker] = arguments else { panic!("four arguments") };
        let sandbox = sandbox(grade, scratch);
        let script = format!("sleep {marker} & setsid sleep {marker} & echo ready; wait");
        let mut running: Vec<Running> = Vec::new();
        for _ in 0..3 {
            let pids = Limit { value: 64, explicit: false };
            running.push(sandbox.start(launch(workspace, "sh", &["-c", &script], pids)).await.unwrap());
        }
        for process in &mut running {
            let mut line = [0; 6];
            process.stdout.read_exact(&mut line).await.unwrap();
        }
        while with_marker(marker) < 6 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        println!("ready");
        std::io::stdout().flush().unwrap();
        std::future::pending::<()>().await;
    }

    fn with_marker(marker: &str) -> usize {
        let all = std::fs::read_dir("/proc").unwrap().flatten();
        let lines = all.filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok());
        lines
            .filter(|line| {
                line.starts_with(b"sleep\0") && line.split(|b| *b == 0).any(|a| a == marker.as_bytes())
            })
            .count()
    }

    // process case 73
    fn processes_of_others_than_root_are_counted() {
        for (grade, _) in GRADES {
            let place = tempfile::tempdir().unwrap();
            let (workspace, scratch) = (place.path().join("workspace"), place.path().join("scratch"));
            for directory in [&workspace, &scratch] {
                std::fs::create_dir(directory).unwrap();
                std::fs::set_permissions(directory, Permissions::from_mode(0o700)).unwrap();
            }
            let mut host = this();
            if rustix::process::getuid().is_root() {
                for path in [place.path(), &workspace, &scratch] {
                    std::os::unix::fs::chown(path, Some(NOBODY), Some(NOBODY)).unwrap();
                }
                host.uid(NOBODY).gid(NOBODY).current_dir("/");
            }
            host.args([grade, workspace.to_str().unwrap(), scratch.to_str().unwrap()]).env(ROLE, BOUNDED);
            match host.output() {
                Ok(output) => {
                    let said = String::from_utf8_lossy(&output.stdout);
                    print!("{said}{}", String::from_utf8_lossy(&output.stderr));
                    assert!(output.status.success() && !said.is_empty(), "{grade}");
                }
                // The target folder may be where only its owner gets to.
                Err(error) => println!("not done on {grade}: another user cannot run this program: {error}"),
            }
        }
    }

    async fn bounded(arguments: &[String]) {
        let [_, grade, workspace, scratch] = arguments else { panic!("three arguments") };
        let sandbox = sandbox(grade, scratch);
        let counts = match sandbox.grade() {
            Ok(granted) => granted.persistent,
            Err(why) => return println!("not done on {grade} as another user: {why}"),
        };
        // As many as it can have, each with a thread of life only.
        let script = "for (1..40) { my $pid = fork; defined $pid or last; if (!$pid) { sleep 60; exit } $n++ } print $n";
        let pids = Limit { value: 8, explicit: true };
        let started = sandbox.start(launch(workspace, "perl", &["-e", script], pids)).await;
        if !counts {
            println!("{grade}: {}", started.err().unwrap());
            return;
        }
        let mut running = started.unwrap();
        let mut text = String::new();
        running.stdout.read_to_string(&mut text).await.unwrap();
        let forked: u32 = text.parse().unwrap();
        // Itself is one of the eight.
        assert_eq!(forked, 7, "{grade}");
        println!("{grade}: {forked} forks of a process that may have 8");
    }
}

fn main() {
    astrid_process_sandbox::shim::enter_if_asked();
    #[cfg(target_os = "linux")]
    hosts::main();
}

//! How commands end, and what ends with them.

use astrid_host_process::LaunchError;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::{code, end, line, long_sleep, signal, soon, until_gone, with_marker, worlds};

// process case 4
#[tokio::test]
async fn output_error_and_code_of_a_command_come_back_apart() {
    for world in worlds() {
        let done = world.run(world.sh("printf hi; printf err >&2; exit 3")).await;
        assert_eq!((done.stdout.as_str(), done.stderr.as_str()), ("hi", "err"), "{}", world.grade);
        assert_eq!(done.exit, code(3));
    }
}

// process case 5
#[tokio::test]
async fn a_command_that_kills_itself_has_a_signal_and_no_code() {
    for world in worlds() {
        assert_eq!(world.run(world.sh("kill -9 $$")).await.exit, signal(9), "{}", world.grade);
    }
}

// process case 6
#[tokio::test]
async fn arguments_arrive_as_they_are() {
    for world in worlds() {
        let odd = "a\nb\t'c' \"$HOME\" é";
        let done = world.run(world.launch("sh", &["-c", "printf %s \"$1\"", "x", odd])).await;
        assert_eq!(done.stdout, odd, "{}", world.grade);
    }
}

// process case 8
#[tokio::test]
async fn a_program_that_cannot_be_run_is_told_by_the_name_of_the_error() {
    for world in worlds() {
        let why = world.try_run(world.launch("there-is-no-such-program", &[])).await.unwrap_err();
        assert_eq!(why.to_string(), "exec failed: ENOENT", "{}", world.grade);
        let plain = world.root().join("plain");
        std::fs::write(&plain, "no program").unwrap();
        let why = world.try_run(world.launch(plain.to_str().unwrap(), &[])).await.unwrap_err();
        assert!(matches!(why, LaunchError::Exec("EACCES")), "{why:?}");
    }
}

#[tokio::test]
async fn standard_input_is_a_pipe_or_empty() {
    for world in worlds() {
        // process case 14
        assert_eq!(world.run(world.launch("cat", &[])).await.output(), "");
        let mut launch = world.launch("cat", &[]);
        launch.stdin = true;
        let mut running = world.start(launch).await.unwrap();
        let mut stdin = running.stdin.take().unwrap();
        stdin.write_all(b"through").await.unwrap();
        drop(stdin);
        let mut text = String::new();
        soon(running.stdout.read_to_string(&mut text)).await.unwrap();
        assert_eq!((text.as_str(), end(&*running.control).await), ("through", code(0)));
    }
}

// process case 20
#[tokio::test]
async fn what_a_command_leaves_behind_ends_with_it_and_keeps_no_pipe_open() {
    for world in worlds() {
        let (one, two) = (long_sleep(), long_sleep());
        let done = world.run(world.sh(&format!("setsid sleep {two} & sleep {one} & echo done"))).await;
        assert_eq!(done.output(), "done", "{}", world.grade);
        assert_eq!([with_marker(&one), with_marker(&two)], [Vec::<u32>::new(), Vec::new()]);
    }
}

// process case 39
#[tokio::test]
async fn a_kill_ends_the_tree_and_the_exit_is_the_same_for_ever() {
    for world in worlds() {
        let marker = long_sleep();
        let script = format!("setsid sleep {marker} & echo ready; wait; exit 0");
        let mut running = world.start(world.sh(&script)).await.unwrap();
        assert_eq!(line(&mut running).await, "ready");
        running.control.kill();
        assert_eq!(end(&*running.control).await, signal(9), "{}", world.grade);
        assert!(with_marker(&marker).is_empty());
        running.control.kill();
        assert_eq!(end(&*running.control).await, signal(9));
    }
}

// process case 42
#[tokio::test]
async fn dropping_the_control_ends_everything() {
    for world in worlds() {
        let marker = long_sleep();
        let script = format!("sleep {marker} & echo ready; sleep {marker}");
        let mut running = world.start(world.sh(&script)).await.unwrap();
        assert_eq!(line(&mut running).await, "ready");
        drop(running);
        until_gone(&marker).await;
    }
}

#[tokio::test]
async fn dropping_a_start_leaves_nothing_that_runs() {
    use astrid_host_process::Launcher;
    for world in worlds() {
        let marker = long_sleep();
        for _ in 0..20 {
            let start = world.sandbox.start(world.launch("sleep", &[&marker]));
            let wait = std::time::Duration::from_millis(1);
            drop(tokio::time::timeout(wait, start).await);
        }
        until_gone(&marker).await;
    }
}

// process case 77
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thread_that_ends_takes_no_process_with_it() {
    for world in worlds() {
        let runtime = tokio::runtime::Handle::current();
        let mut launches: Vec<_> = (0..4).map(|_| world.launch("cat", &[])).collect();
        let mut running = Vec::new();
        for launch in &mut launches {
            launch.stdin = true;
        }
        for launch in launches {
            let (runtime, sandbox) = (runtime.clone(), world.sandbox.clone());
            let thread = std::thread::spawn(move || {
                use astrid_host_process::Launcher;
                runtime.block_on(sandbox.start(launch)).unwrap()
            });
            running.push(tokio::task::spawn_blocking(|| thread.join().unwrap()).await.unwrap());
        }
        for process in &mut running {
            process.stdin.as_mut().unwrap().write_all(b"alive\n").await.unwrap();
            assert_eq!(line(process).await, "alive", "{}", world.grade);
        }
    }
}

#[tokio::test]
async fn figures_grow_and_stay_after_the_end() {
    for world in worlds() {
        // process case 75
        let script = "$x = 'a' x 50_000_000; print \"ready\\n\"; $| = 1; print ''; \
                      for (;;) { $n++; last if times > 0.3 } print \"busy\\n\"; <STDIN>";
        let mut launch = world.perl(&format!("$| = 1; {script}"));
        launch.stdin = true;
        let mut running = world.start(launch).await.unwrap();
        assert_eq!(line(&mut running).await, "ready");
        let first = running.control.usage().await;
        assert!(first.mem_bytes_peak >= 50_000_000, "{first:?}");
        assert_eq!(line(&mut running).await, "busy");
        let second = running.control.usage().await;
        assert!(
            second.cpu_ms >= 200 && second.cpu_ms >= first.cpu_ms,
            "{} {first:?} {second:?}",
            world.grade
        );
        drop(running.stdin.take());
        assert_eq!(end(&*running.control).await, code(0));
        let last = running.control.usage().await;
        assert!(last.cpu_ms >= second.cpu_ms && last.mem_bytes_peak >= 50_000_000, "{last:?}");
    }
}

//! What a command may use up. That of processes is tried in `tests/hosts.rs`, by another user than root.

use astrid_host_process::{LaunchError, Limit};

use crate::support::worlds;

fn explicit(value: u64) -> Limit {
    Limit { value, explicit: true }
}

// process case 73
#[tokio::test]
async fn memory_that_is_not_granted_is_not_had() {
    for world in worlds() {
        let mut launch = world.perl("$x = 'a' x (256 * 1024 * 1024); print length $x");
        launch.limits.memory = explicit(64 << 20);
        let done = world.run(launch).await;
        assert_ne!(done.exit.code, Some(0), "{} {done:?}", world.grade);
        assert_eq!(done.stdout, "");
    }
}

// process case 73
#[tokio::test]
async fn a_default_of_memory_does_not_hold_who_only_reserves_it() {
    for world in worlds() {
        let mut launch = world.perl("$x = 'a' x (256 * 1024 * 1024); print length $x");
        launch.limits.memory = Limit { value: 64 << 20, explicit: false };
        assert_eq!(world.run(launch).await.output(), "268435456", "{}", world.grade);
    }
}

// process case 73
#[tokio::test]
async fn a_spinner_ends_with_its_second() {
    for world in worlds() {
        let mut launch = world.sh("while :; do :; done");
        launch.limits.cpu_secs = explicit(1);
        let exit = world.run(launch).await.exit;
        assert!(matches!(exit.signal, Some(9 | 24)), "{} {exit:?}", world.grade);
        // One that does not heed the first signal has two seconds more.
        let mut launch = world.sh("trap '' XCPU; while :; do :; done");
        launch.limits.cpu_secs = explicit(1);
        assert_eq!(world.run(launch).await.exit.signal, Some(9));
    }
}

// process case 73
#[tokio::test]
async fn the_seventeenth_file_of_sixteen_is_not_opened() {
    for world in worlds() {
        let mut launch = world.perl(
            "open($f[$_], '<', '/dev/null') or last for 1..40; print scalar grep defined fileno $_, @f",
        );
        launch.limits.open_files = explicit(16);
        // Three are there already.
        let done = world.run(launch).await;
        let opened: u32 = done.stdout.parse().unwrap();
        assert!((10..=13).contains(&opened), "{} {done:?}", world.grade);
    }
}

// process case 74
#[tokio::test]
async fn a_limit_of_processes_that_cannot_be_kept_is_refused_if_it_was_asked_for() {
    for world in worlds().filter(|_| rustix::process::getuid().is_root()) {
        let marker = world.root().join("ran");
        let mut launch = world.launch("touch", &[marker.to_str().unwrap()]);
        launch.limits.pids = explicit(8);
        let why = world.try_run(launch).await.unwrap_err();
        assert!(matches!(why, LaunchError::NotEnforceable("max-pids")), "{why:?}");
        assert_eq!(why.to_string(), "resource limit not enforceable: max-pids");
        assert!(!marker.exists(), "{}", world.grade);
    }
}

// process case 73
#[tokio::test]
async fn many_processes_do_not_use_up_the_time_of_one_many_times_over() {
    for world in worlds() {
        // Each ends by itself long before the kernel would end it.
        let script = "while :; do sh -c 'i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done'; done";
        let mut launch = world.sh(script);
        launch.limits.cpu_secs = explicit(1);
        assert_eq!(world.run(launch).await.exit.signal, Some(9), "{}", world.grade);
    }
}

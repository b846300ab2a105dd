//! The operator switched the sandbox off.

use astrid_host_process::{Grade, Injection, LaunchError, Launcher, Network, Placement, Signal};
use astrid_process_sandbox::Isolation;
use bytes::Bytes;

use crate::support::{World, code, end, line, long_sleep, signal, until_gone, with_marker};

fn off() -> World {
    World::new(Isolation::Off, |builder, _| builder).unwrap()
}

#[tokio::test]
async fn commands_run_as_the_host_does_and_nothing_outlives_them() {
    let world = off();
    let grade = Grade { name: "off", persistent: false, fixed_paths: false, injections: false };
    assert_eq!(world.sandbox.grade(), Ok(grade));
    let marker = long_sleep();
    let done = world.run(world.sh(&format!("setsid sleep {marker} & sleep {marker} & pwd; exit 4"))).await;
    assert_eq!((done.stdout.trim_end(), done.exit), (world.root().to_str().unwrap(), code(4)));
    assert!(with_marker(&marker).is_empty());
}

#[tokio::test]
async fn signals_kills_and_drops_work_without_a_sandbox_too() {
    let world = off();
    let marker = long_sleep();
    let script =
        format!("trap 'echo term' TERM; setsid sleep {marker} & echo ready; while :; do sleep 0.05; done");
    let mut running = world.start(world.sh(&script)).await.unwrap();
    assert_eq!(line(&mut running).await, "ready");
    running.control.signal(Signal::Term);
    assert_eq!(line(&mut running).await, "term");
    running.control.kill();
    assert_eq!(end(&*running.control).await, signal(9));
    assert!(with_marker(&marker).is_empty());

    let mut running = world.start(world.sh(&script)).await.unwrap();
    assert_eq!(line(&mut running).await, "ready");
    drop(running);
    until_gone(&marker).await;
}

#[tokio::test]
async fn what_needs_a_sandbox_is_refused() {
    let world = off();
    let mut launch = world.launch("true", &[]);
    launch.injections = vec![Injection {
        content: Bytes::new(),
        hash: *blake3::hash(b"").as_bytes(),
        placement: Placement::EnvPointer("X".to_owned()),
    }];
    assert!(matches!(world.try_run(launch).await, Err(LaunchError::Injection)));
    let mut launch = world.launch("true", &[]);
    launch.network = Network::None;
    assert!(matches!(world.try_run(launch).await, Err(LaunchError::Failed(_))));
}

//! Nothing to hold a process with.

use astrid_host_process::{LaunchError, Launcher};
use astrid_process_sandbox::{BuildError, Isolation, Sandbox};

use crate::support::{World, private};

// process case 78
#[tokio::test]
async fn without_a_sandbox_nothing_is_executed() {
    let world = World::new(Isolation::Off, |builder, _| builder).unwrap();
    let marker = world.root().join("ran");
    let scratch = private();
    let none = Sandbox::builder(scratch.path())
        .isolation(Isolation::Bubblewrap)
        .bubblewrap_at(["/nowhere/bwrap".into()])
        .shim(env!("CARGO_BIN_EXE_astrid-process-shim"))
        .build()
        .unwrap();
    let why = none.grade().unwrap_err();
    assert_eq!(why.to_string(), "process sandbox unavailable: bubblewrap is not installed");
    let launch = world.launch("touch", &[marker.to_str().unwrap()]);
    assert!(matches!(none.start(launch).await, Err(LaunchError::Unconfined(reason)) if reason == why));
    assert!(!marker.exists());
}

#[test]
fn a_program_that_never_entered_the_shim_is_not_its_own() {
    let scratch = private();
    assert!(matches!(Sandbox::builder(scratch.path()).build(), Err(BuildError::NoShim)));
    let other = Sandbox::builder(scratch.path()).shim("/bin/true").build();
    assert!(matches!(other, Err(BuildError::NotAShim(_))));
}

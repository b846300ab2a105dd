//! What a request is refused for, and in which order.

use astrid_host_process::op_table::{MAY_PERSIST, MAY_READ, MAY_SPAWN};
use astrid_host_process::{
    FileInjection, Grade, InjectionPlacement, Keep, LaunchError, ProcessView, ResourceLimits, SpawnRequest,
    Unconfined, WorkDir,
};
use astrid_host_testkit::FakeHost;

use crate::common::scripted::GRADE;
use crate::common::{arm_of, puppets, puppets_of, run, sh};

fn injection(name: &str) -> FileInjection {
    let placement = InjectionPlacement::EnvPointer(name.to_owned());
    FileInjection { content: b"policy".to_vec(), placement }
}

// process case 7
#[tokio::test]
async fn a_command_that_is_none_is_invalid_even_if_it_is_listed_and_denied_where_nothing_is() {
    let (mut desk, script) = puppets();
    let long = "x".repeat(4097);
    for bad in ["", "a\nb", "a\0", &long] {
        assert_eq!(arm_of(desk.state.process().spawn(run(bad, &[])).await), "InvalidInput", "{bad:?}");
    }
    let (mut none, none_script) = puppets_of(FakeHost::builder().deny(MAY_SPAWN, "*"));
    for bad in ["", "a\nb", "a\0", &long, "sh"] {
        assert_eq!(arm_of(none.state.process().spawn(run(bad, &[])).await), "CapabilityDenied", "{bad:?}");
    }
    let unlisted = "x".repeat(4096);
    let (mut other, other_script) = puppets_of(FakeHost::builder().deny(MAY_SPAWN, &unlisted));
    assert_eq!(arm_of(other.state.process().spawn(run(&unlisted, &[])).await), "CapabilityDenied");
    assert_eq!(script.starts() + none_script.starts() + other_script.starts(), 0);
}

// process case 2
#[tokio::test]
async fn the_gate_is_asked_for_the_command_verbatim_and_with_its_arguments() {
    let (mut desk, script) = puppets_of(FakeHost::builder().deny(MAY_SPAWN, "git  status"));
    assert_eq!(arm_of(desk.state.process().spawn(run("git ", &["status"])).await), "CapabilityDenied");
    assert_eq!(script.starts(), 0);
}

// process cases 9, 10, 11, 13, 74
#[tokio::test]
async fn malformed_requests_of_every_tier_are_refused_before_anything_starts() {
    let (mut desk, script) = puppets();
    let env =
        |key: &str, value: &str| SpawnRequest { env: vec![(key.to_owned(), value.to_owned())], ..sh("") };
    let limits = |limits| SpawnRequest { limits: Some(limits), ..sh("") };
    let none = ResourceLimits::default;
    for (request, expected) in [
        (SpawnRequest { stdin: Some(vec![0; 4_194_305]), ..sh("") }, "TooLarge"),
        (run("sh", &["a\0"]), "InvalidInput"),
        (run("sh", &[&"x".repeat(131_072)]), "InvalidInput"),
        (run("sh", &["x"; 4097]), "InvalidInput"),
        (env("LD_PRELOAD", "x"), "InvalidInput"),
        (env("A", &"x".repeat(65_537)), "InvalidInput"),
        (limits(ResourceLimits { max_open_files: Some(0), ..none() }), "InvalidInput"),
        (limits(ResourceLimits { max_memory_bytes: Some(0), ..none() }), "InvalidInput"),
        (limits(ResourceLimits { max_cpu_secs: Some(0), ..none() }), "InvalidInput"),
        (limits(ResourceLimits { max_pids: Some(0), ..none() }), "InvalidInput"),
        (SpawnRequest { file_injections: vec![injection("A"); 129], ..sh("") }, "TooLarge"),
        (SpawnRequest { file_injections: vec![injection("A"); 2], ..sh("") }, "InvalidInput"),
        (SpawnRequest { cwd: Some("../x".to_owned()), ..sh("") }, "BoundaryEscape"),
        (SpawnRequest { cwd: Some("/etc".to_owned()), ..sh("") }, "BoundaryEscape"),
        (SpawnRequest { cwd: Some("a/../b".to_owned()), ..sh("") }, "BoundaryEscape"),
        (SpawnRequest { cwd: Some("a\0".to_owned()), ..sh("") }, "InvalidInput"),
    ] {
        let mut view = desk.state.process();
        assert_eq!(arm_of(view.spawn(request.clone()).await), expected);
        assert_eq!(arm_of(view.spawn_background(request.clone()).await), expected);
        assert_eq!(arm_of(view.spawn_persistent(request).await), expected);
    }
    assert_eq!((script.starts(), desk.processes.running()), (0, 0));
}

#[tokio::test]
async fn of_several_faults_the_first_in_the_chapters_order_is_told() {
    let request = SpawnRequest {
        args: vec!["\0".to_owned()],
        stdin: Some(vec![0; 4_194_305]),
        limits: Some(ResourceLimits { max_pids: Some(0), ..ResourceLimits::default() }),
        cwd: Some("..".to_owned()),
        keep: Keep { idle_timeout_ms: Some(0), ..Keep::default() },
        ..run("sh", &[])
    };
    let (mut desk, _) = puppets_of(FakeHost::builder().deny(MAY_PERSIST, "*"));
    assert_eq!(arm_of(desk.state.process().spawn_persistent(request.clone()).await), "CapabilityDenied");
    let (mut desk, script) = puppets();
    script.grade(Err(Unconfined("none".to_owned())));
    let mut view = desk.state.process();
    assert_eq!(arm_of(view.spawn_persistent(request.clone()).await), "TooLarge");
    let request = SpawnRequest { stdin: None, ..request };
    assert_eq!(arm_of(view.spawn_persistent(request.clone()).await), "InvalidInput");
    let request = SpawnRequest { args: Vec::new(), limits: None, ..request };
    assert_eq!(arm_of(view.spawn_persistent(request.clone()).await), "BoundaryEscape");
    let request = SpawnRequest { cwd: None, ..request };
    assert_eq!(arm_of(view.spawn_persistent(request.clone()).await), "InvalidInput");
    let request = SpawnRequest { keep: Keep::default(), ..request };
    assert_eq!(arm_of(view.spawn_persistent(request).await), "PersistUnsupported");
}

// process case 18
#[tokio::test]
async fn a_home_needs_the_grant_to_read_it() {
    let home = SpawnRequest { cwd: Some("home://x".to_owned()), ..sh("") };
    let variable = SpawnRequest { env: vec![("HOME".to_owned(), "home://".to_owned())], ..sh("") };
    let (mut denied, _) = puppets_of(FakeHost::builder().deny(MAY_READ, "home://"));
    for request in [home.clone(), variable] {
        assert_eq!(arm_of(denied.state.process().spawn_background(request).await), "CapabilityDenied");
    }
    let _child = denied.state.hold(sh("")).await;
    let (mut granted, mut script) = puppets();
    let _child = granted.state.hold(home).await;
    let puppet = script.next().await;
    assert_eq!(puppet.launch.cwd, WorkDir::Home(vec!["x".to_owned()]));
    assert!(puppet.launch.roots.home.as_ref().is_some_and(|(_, writable)| *writable));
}

#[tokio::test]
async fn a_home_that_the_capsule_may_not_read_is_not_shown() {
    let (mut denied, mut script) = puppets_of(FakeHost::builder().deny(MAY_READ, "home://"));
    let _child = denied.state.hold(sh("")).await;
    assert!(script.next().await.launch.roots.home.is_none());
}

// process cases 8, 17, 18, 74, 78
#[tokio::test]
async fn what_a_start_fails_for_is_told_in_the_contracts_words() {
    let (mut desk, script) = puppets();
    for (error, expected) in [
        (LaunchError::Exec("ENOENT"), "exec failed: ENOENT"),
        (LaunchError::Exec("EACCES"), "exec failed: EACCES"),
        (LaunchError::NotEnforceable("max-pids"), "resource limit not enforceable: max-pids"),
        (LaunchError::OutsideRoot, "BoundaryEscape"),
        (LaunchError::NoDirectory, "InvalidInput"),
        (LaunchError::Injection, "InvalidInput"),
        (LaunchError::TimedOut, "spawn timed out"),
    ] {
        script.refuse(error);
        assert_eq!(arm_of(desk.state.process().spawn(sh("")).await), expected);
    }
    let starts = script.starts();
    script.grade(Err(Unconfined("no bubblewrap".to_owned())));
    let none = "process sandbox unavailable: no bubblewrap";
    let mut view = desk.state.process();
    assert_eq!(arm_of(view.spawn(sh("")).await), none);
    assert_eq!(arm_of(view.spawn_background(sh("")).await), none);
    assert_eq!(arm_of(view.spawn_persistent(sh("")).await), "PersistUnsupported");
    assert_eq!((script.starts(), desk.processes.running()), (starts, 0));
}

// process cases 68, 69
#[tokio::test]
async fn injected_files_take_their_variable_from_the_guest_and_need_a_grade_that_can() {
    let (mut desk, mut script) = puppets();
    let request = SpawnRequest {
        env: vec![("POLICY".to_owned(), "x".to_owned()), ("A".to_owned(), "1".to_owned())],
        file_injections: vec![injection("POLICY")],
        ..sh("")
    };
    let _child = desk.state.hold(request.clone()).await;
    let puppet = script.next().await;
    assert_eq!(puppet.launch.env, [("A".to_owned(), "1".to_owned())]);
    assert_eq!(&puppet.launch.injections[0].content[..], b"policy");
    assert_eq!(&puppet.launch.injections[0].hash, blake3::hash(b"policy").as_bytes());
    let placement = InjectionPlacement::FixedPath("/etc/codex/requirements.toml".to_owned());
    let fixed = FileInjection { content: Vec::new(), placement };
    let fixed = SpawnRequest { file_injections: vec![fixed], ..sh("") };
    script.grade(Ok(Grade { fixed_paths: false, ..GRADE }));
    assert_eq!(arm_of(desk.state.process().spawn(fixed).await), "InvalidInput");
    script.grade(Ok(Grade { injections: false, ..GRADE }));
    let off = "file injection requires the sandbox";
    assert_eq!(arm_of(desk.state.process().spawn(request).await), off);
}

#[tokio::test]
async fn limits_are_lowered_to_the_ceiling_and_only_those_of_the_guest_are_explicit() {
    use astrid_host_process::limits::{MEMORY, PIDS};
    let fake = FakeHost::builder().limit(&MEMORY, 1000).limit(&PIDS, 7);
    let (mut desk, mut script) = puppets_of(fake);
    let limits = ResourceLimits { max_memory_bytes: Some(5000), ..ResourceLimits::default() };
    let _child = desk.state.hold(SpawnRequest { limits: Some(limits), ..sh("") }).await;
    let limits = script.next().await.launch.limits;
    assert_eq!((limits.memory.value, limits.memory.explicit), (1000, true));
    assert_eq!((limits.pids.value, limits.pids.explicit), (7, false));
    assert_eq!((limits.open_files.value, limits.cpu_secs.value), (1024, 3600));
}

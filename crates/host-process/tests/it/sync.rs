//! `spawn`: real commands to their end.

use astrid_host_process::{ProcessView, SpawnRequest};

use crate::common::{arm_of, desk, eventually, is_alive, run, sh};

// process case 4
#[tokio::test]
async fn output_and_code_of_a_command_come_back_and_failing_is_no_failure() {
    let mut desk = desk();
    let done = desk.state.process().spawn(sh("printf hi; printf err >&2; exit 3")).await.unwrap();
    assert_eq!((done.stdout.as_str(), done.stderr.as_str()), ("hi", "err"));
    assert_eq!((done.exit.code, done.exit.signal), (Some(3), None));
}

// process case 5
#[tokio::test]
async fn a_command_that_is_killed_has_a_signal_and_no_code() {
    let mut desk = desk();
    let done = desk.state.process().spawn(sh("kill -9 $$")).await.unwrap();
    assert_eq!((done.exit.code, done.exit.signal), (None, Some(9)));
}

// process case 6
#[tokio::test]
async fn arguments_arrive_as_they_are() {
    let mut desk = desk();
    let odd = "a\nb\t'c' \"$(id)\" é";
    let done = desk.state.process().spawn(run("sh", &["-c", "printf %s \"$1\"", "sh", odd])).await.unwrap();
    assert_eq!(done.stdout, odd);
}

// process case 8
#[tokio::test]
async fn a_command_that_is_not_there_or_not_executable_fails_with_its_errno() {
    let mut desk = desk();
    let file = desk.workspace().join("plain");
    std::fs::write(&file, "x").unwrap();
    let mut view = desk.state.process();
    assert_eq!(arm_of(view.spawn(run("no-such-command-here", &[])).await), "exec failed: ENOENT");
    assert_eq!(arm_of(view.spawn(run(file.to_str().unwrap(), &[])).await), "exec failed: EACCES");
}

// process case 9
#[tokio::test]
async fn the_longest_argument_and_the_most_arguments_pass() {
    let mut desk = desk();
    let mut view = desk.state.process();
    let long = "x".repeat(131_071);
    let done = view.spawn(run("sh", &["-c", "printf %s \"$1\" | wc -c", "sh", &long])).await.unwrap();
    assert_eq!(done.stdout.trim(), "131071");
    let mut many = vec!["-c", "echo $#", "sh"];
    many.resize(4096, "x");
    assert_eq!(view.spawn(run("sh", &many)).await.unwrap().stdout.trim(), "4093");
}

// process case 13
#[tokio::test]
async fn up_to_4_mib_of_input_go_through() {
    let mut desk = desk();
    for size in [4_194_303, 4_194_304] {
        let request = SpawnRequest { stdin: Some(vec![b'x'; size]), ..run("cat", &[]) };
        let done = desk.state.process().spawn(request).await.unwrap();
        assert_eq!((done.stdout.len(), done.exit.code), (size, Some(0)));
    }
}

// process case 14
#[tokio::test]
async fn without_input_there_is_none_and_input_that_nobody_reads_is_no_error() {
    let mut desk = desk();
    let mut view = desk.state.process();
    let done = view.spawn(run("cat", &[])).await.unwrap();
    assert_eq!((done.stdout.as_str(), done.exit.code), ("", Some(0)));
    let request = SpawnRequest { stdin: Some(vec![0; 4_194_304]), ..sh("exec 0<&-; exit 0") };
    assert_eq!(view.spawn(request).await.unwrap().exit.code, Some(0));
}

// process case 15
#[tokio::test]
async fn a_child_that_writes_before_it_reads_does_not_hang() {
    let mut desk = desk();
    let script = "head -c 262144 /dev/zero; head -c 262144 /dev/zero >&2; cat";
    let request = SpawnRequest { stdin: Some(vec![b'x'; 4_194_304]), ..sh(script) };
    let done = desk.state.process().spawn(request).await.unwrap();
    assert_eq!((done.stdout.len(), done.stderr.len()), (262_144 + 4_194_304, 262_144));
    assert!(done.stdout[262_144..].bytes().all(|byte| byte == b'x'));
}

// process case 17
#[tokio::test]
async fn a_command_works_in_the_workspace_or_below() {
    let mut desk = desk();
    std::fs::create_dir(desk.workspace().join("sub")).unwrap();
    let root = std::fs::canonicalize(desk.workspace()).unwrap();
    let mut view = desk.state.process();
    for (cwd, expected) in [
        (None, root.clone()),
        (Some(""), root.clone()),
        (Some("sub"), root.join("sub")),
        (Some("cwd://sub"), root.join("sub")),
    ] {
        let request = SpawnRequest { cwd: cwd.map(str::to_owned), ..run("pwd", &["-P"]) };
        assert_eq!(view.spawn(request).await.unwrap().stdout.trim(), expected.to_str().unwrap());
    }
    let missing = SpawnRequest { cwd: Some("none".to_owned()), ..run("pwd", &[]) };
    assert_eq!(arm_of(view.spawn(missing).await), "InvalidInput");
}

// process case 20
#[tokio::test]
async fn what_a_command_leaves_running_neither_delays_the_answer_nor_stays() {
    let mut desk = desk();
    let done = desk.state.process().spawn(sh("sleep 600 & echo $!")).await.unwrap();
    let pid: u32 = done.stdout.trim().parse().unwrap();
    eventually(|| !is_alive(pid)).await;
    assert_eq!(desk.processes.running(), 0);
}

// process case 33
#[tokio::test]
async fn bytes_that_are_no_text_are_replaced() {
    let mut desk = desk();
    let done = desk.state.process().spawn(sh(r"printf 'a\377b'")).await.unwrap();
    assert_eq!(done.stdout, "a\u{fffd}b");
}

//! Signals reach the command's group and nothing else.

use astrid_host_process::Signal;

use crate::support::{code, end, line, signal, soon, worlds};

// process case 37
#[tokio::test]
async fn a_command_handles_its_own_term() {
    for world in worlds() {
        let script = "trap 'exit 7' TERM; echo ready; while :; do sleep 0.05; done";
        let mut running = world.start(world.sh(script)).await.unwrap();
        assert_eq!(line(&mut running).await, "ready");
        running.control.signal(Signal::Term);
        assert_eq!(end(&*running.control).await, code(7), "{}", world.grade);
        // It goes nowhere, and is no error.
        running.control.signal(Signal::Term);
    }
}

#[tokio::test]
async fn each_signal_arrives_as_itself() {
    let all = [
        (Signal::Hup, "HUP"),
        (Signal::Usr1, "USR1"),
        (Signal::Usr2, "USR2"),
        (Signal::Int, "INT"),
        (Signal::Term, "TERM"),
    ];
    for world in worlds() {
        for (sent, name) in all {
            let script = format!(
                "$| = 1; $SIG{{{name}}} = sub {{ print \"{name}\\n\"; exit 0 }}; print \"ready\\n\"; sleep 1 while 1"
            );
            let mut running = world.start(world.perl(&script)).await.unwrap();
            assert_eq!(line(&mut running).await, "ready");
            running.control.signal(sent);
            assert_eq!(line(&mut running).await, name, "{}", world.grade);
        }
    }
}

// process case 38
#[tokio::test]
async fn a_stopped_command_stays_and_goes_on_when_told() {
    for world in worlds() {
        // One process alone: a shell that has just made another waits for it in a state of its own.
        let script = r#"$| = 1; print "ready\n"; sleep 1 while 1"#;
        let mut running = world.start(world.perl(script)).await.unwrap();
        assert_eq!(line(&mut running).await, "ready");
        running.control.signal(Signal::Stop);
        let pid = running.control.pid();
        until(pid, |state| state == 'T').await;
        running.control.signal(Signal::Cont);
        until(pid, |state| state != 'T').await;
        running.control.signal(Signal::Stop);
        until(pid, |state| state == 'T').await;
        running.control.kill();
        assert_eq!(end(&*running.control).await, signal(9), "{}", world.grade);
    }
}

async fn until(pid: u32, is: impl Fn(char) -> bool) {
    soon(async {
        loop {
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
            let state = stat.rsplit_once(") ").unwrap().1.chars().next().unwrap();
            if is(state) {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    })
    .await;
}

// process case 40
#[tokio::test]
async fn the_pid_is_that_of_the_command_on_the_host() {
    for world in worlds() {
        let running = world.start(world.launch("sleep", &["612.5"])).await.unwrap();
        let command = std::fs::read(format!("/proc/{}/cmdline", running.control.pid())).unwrap();
        assert_eq!(command, b"sleep\x00612.5\x00", "{}", world.grade);
    }
}

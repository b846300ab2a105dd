//! `capsule run --listen`, and what `ps`, `publish` and `tail` do with it.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::process::{Child, Stdio};

use crate::support::place::Place;
use crate::support::{Ended, capsule, ended, run};

/// A run in the background, ended when dropped.
pub(crate) struct Running {
    place: Place,
    child: Child,
    #[expect(
        dead_code,
        reason = "kept open: a program whose stderr is closed has nowhere to say what is wrong"
    )]
    stderr: BufReader<std::process::ChildStderr>,
}

impl Running {
    /// Starts one and waits until it listens and its capsule is ready.
    fn start(args: &[&str]) -> Self {
        Self::start_at(Place::new(), args)
    }

    pub(crate) fn start_at(place: Place, args: &[&str]) -> Self {
        let mut command = capsule(place.path(), &[&["run", "probe", "--home", "home"], args].concat());
        let mut child = command.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let (mut listening, mut ready) = (false, false);
        while !(listening && ready) {
            let mut line = String::new();
            assert_ne!(stderr.read_line(&mut line).unwrap(), 0, "the run ended");
            listening |= line.starts_with("listening ");
            ready |= line.starts_with("probe ready");
        }
        Self { place, child, stderr }
    }

    fn socket(&self) -> PathBuf {
        self.place.home().join("run/capsule.sock")
    }

    /// Runs another command against this one.
    pub(crate) fn ask(&self, args: &[&str]) -> Ended {
        run(self.place.path(), &[args, &["--home", "home"]].concat())
    }

    /// Interrupts the run and waits for its end.
    fn interrupt(mut self) -> (Option<i32>, PathBuf) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
        (self.child.wait().unwrap().code(), self.socket())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have been ended by the test.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

const RELAY: &str = r#"probe.v1.publish={"topic":"probe.v1.out.x","payload":{"n":1}}"#;

#[test]
fn ps_lists_each_capsule_with_version_state_handlers_and_source() {
    let running = Running::start(&["--listen"]);
    let line = running.ask(&["ps", "--json"]).good();
    let row: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(
        (&row["capsule"], &row["version"], &row["state"], &row["handlers"]),
        (&"probe".into(), &"1.0.0".into(), &"ready".into(), &5.into())
    );
    let text = running.ask(&["ps"]).good();
    assert_eq!(text, format!("probe 1.0.0 ready 5 handlers {}\n", row["source"].as_str().unwrap()));
}

// identity case 22
#[test]
fn users_of_a_run_that_listens_are_asked_of_it() {
    let running = Running::start(&["--listen"]);
    let id = running.ask(&["user", "add", "ada"]).good();
    let id = id.trim_end();
    assert_eq!(running.ask(&["user", "list"]).good(), format!("{id} ada\n"));
    assert_eq!(running.ask(&["user", "delete", id]).good(), format!("{id} deleted with 0 links\n"));
    running.ask(&["user", "delete", id]).refused(1, &[id, "no user"]);
}

#[test]
fn net_counts_streams_refusals_and_requests() {
    let running = Running::start(&["--listen"]);
    let line = running.ask(&["net", "--json"]).good();
    let figures: serde_json::Value = serde_json::from_str(&line).unwrap();
    let members: Vec<_> = figures.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(members, ["airlock_rejections", "handshake_failures", "requests", "streams"]);
    assert_eq!(figures["streams"]["open"], 0);
    let text = running.ask(&["net"]).good();
    assert!(text.lines().any(|line| line == "streams.accepted 0"), "{text}");
}

#[test]
fn what_is_published_reaches_the_handler_and_its_answer_the_tail() {
    let running = Running::start(&["--listen", "--principal", "alice"]);
    let mut tail = capsule(
        running.place.path(),
        &["tail", "probe.v1.out.*", "--count", "2", "--json", "--home", "home"],
    );
    let mut tail = tail.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut said = String::new();
    BufReader::new(tail.stderr.take().unwrap()).read_line(&mut said).unwrap();
    assert_eq!(said, "tailing probe.v1.out.*\n");

    running.ask(&["publish", RELAY]).good();
    running.ask(&["publish", RELAY, "--principal", "bob"]).good();

    let mut lines = String::new();
    tail.stdout.take().unwrap().read_to_string(&mut lines).unwrap();
    assert!(tail.wait().unwrap().success());
    let lines: Vec<serde_json::Value> = lines.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    let seen: Vec<_> = lines.iter().map(|l| (&l["topic"], &l["payload"]["n"], &l["principal"])).collect();
    let (topic, one) = ("probe.v1.out.x".into(), 1.into());
    assert_eq!(seen, [(&topic, &one, &"alice".into()), (&topic, &one, &"bob".into())]);
}

// elicit §3: answers may be secrets
#[test]
fn a_tail_shows_that_a_question_was_answered_and_not_what() {
    let running = Running::start(&["--listen", "--principal", "alice"]);
    // Of all topics the host's own ticks are some, and one of them may come first.
    let args = ["tail", "astrid.v1.elicit.*", "--count", "1", "--json", "--home", "home"];
    let mut tail = capsule(running.place.path(), &args);
    let mut tail = tail.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    BufReader::new(tail.stderr.take().unwrap()).read_line(&mut String::new()).unwrap();
    running.ask(&["publish", r#"astrid.v1.elicit.response.x={"value":"s3cret"}"#]);
    let mut lines = String::new();
    tail.stdout.take().unwrap().read_to_string(&mut lines).unwrap();
    assert!(tail.wait().unwrap().success());
    assert!(lines.contains("elicit.response.x") && lines.contains("[redacted]"), "{lines}");
    assert!(!lines.contains("s3cret"), "{lines}");
}

#[test]
fn a_message_nobody_listens_to_is_a_warning_and_a_wrong_one_an_error() {
    let running = Running::start(&["--listen"]);
    let unheard = running.ask(&["publish", "nobody.hears=1"]);
    assert_eq!((unheard.code, unheard.stderr.as_str()), (Some(0), "warning: nobody.hears: nobody listens\n"));
    running.ask(&["publish", "a.b=1", "--principal", "a/b"]).refused(1, &["a/b"]);
    running.ask(&["publish", "a..b=1"]).refused(2, &["a..b"]);
    running.ask(&["tail", "a b"]).refused(2, &["a b"]);
}

#[test]
fn the_socket_is_for_its_user_alone_and_goes_with_the_run() {
    let running = Running::start(&["--listen"]);
    let mode = |path: PathBuf| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(running.socket()), mode(running.place.home().join("run"))), (0o600, 0o700));
    let (code, socket) = running.interrupt();
    assert_eq!(code, Some(0));
    assert!(!socket.exists());
}

#[test]
fn a_peer_that_speaks_no_requests_is_told_and_harms_nobody() {
    let running = Running::start(&["--listen"]);
    let frame = |body: &[u8]| [&u32::try_from(body.len()).unwrap().to_be_bytes(), body].concat();
    for wrong in [frame(b"not json"), frame(br#"{"request":"reboot"}"#), u32::MAX.to_be_bytes().to_vec()] {
        let mut peer = UnixStream::connect(running.socket()).unwrap();
        peer.write_all(&wrong).unwrap();
        let mut said = Vec::new();
        peer.read_to_end(&mut said).unwrap();
        let said = String::from_utf8_lossy(&said[4..]).into_owned();
        assert!(said.contains(r#""reply":"refused""#), "{said}");
    }
    // One that says nothing at all holds its own connection only.
    let _silent = UnixStream::connect(running.socket()).unwrap();
    running.ask(&["ps"]).good();
}

#[test]
fn a_stale_socket_is_replaced_and_a_live_one_or_a_file_is_not() {
    let place = Place::new();
    let path = place.path().join("s.sock");
    let listen = format!("--listen={}", path.display());
    let short = ["--expect", "nothing.comes", "--timeout", "0.2"];

    let live = UnixListener::bind(&path).unwrap();
    place.run(&[&[listen.as_str()], &short[..]].concat()).refused(1, &["s.sock", "another run listens"]);
    drop(live);
    assert_eq!(place.run(&[&[listen.as_str()], &short[..]].concat()).code, Some(3));
    assert!(!path.exists());
    std::fs::write(&path, "precious").unwrap();
    place.run(&[&[listen.as_str()], &short[..]].concat()).refused(1, &["s.sock", "something else is there"]);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "precious");
}

#[test]
fn without_a_run_each_command_says_where_it_looked_and_what_it_needs() {
    let place = Place::new();
    for command in [&["ps"][..], &["publish", "a.b=1"], &["tail", "a.b"]] {
        let asked = run(place.path(), &[command, &["--home", "home"]].concat());
        asked.refused(1, &["home/run/capsule.sock", "nobody listens", "capsule run --listen"]);
        let mut elsewhere = capsule(place.path(), command);
        elsewhere.env("ASTRID_HOME", place.path().join("other"));
        ended(elsewhere).refused(1, &["other/run/capsule.sock"]);
    }
}

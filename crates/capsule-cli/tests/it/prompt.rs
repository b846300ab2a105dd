//! The question at the end of `capsule run --overlay`, on a terminal: `script` gives the program one.

use std::io::{Read, Write};
use std::process::{Command, Stdio};

use crate::support::place::Place;
use crate::support::{names, run};

const PROMPT: &str = "anything else keeps them";
const WRITE: &str = r#"scribe:write={"path":"new","content":"text"}"#;

/// Runs the program in a terminal and types when it asks; what the terminal showed, and the exit code. None
/// where no terminal can be made.
fn typed(place: &Place, keys: &str) -> Option<(String, Option<i32>)> {
    if Command::new("script").arg("--version").output().is_err() {
        eprintln!("not done, this machine has no `script` that gives a terminal");
        return None;
    }
    let program = env!("CARGO_BIN_EXE_capsule");
    let line = format!(
        "exec {program} run scribe --home home --workspace ws --overlay --principal alice --call '{WRITE}'"
    );
    let mut script = Command::new("script")
        .current_dir(place.path())
        .args(["-qfec", &line, "/dev/null"])
        .env("SHELL", "/bin/sh")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut shown, mut output) = (String::new(), script.stdout.take().unwrap());
    // Open until the program ends: the end of its input would be an answer too.
    let mut keyboard = script.stdin.take().unwrap();
    let (mut piece, mut asked) = ([0; 1024], false);
    loop {
        let read = output.read(&mut piece).unwrap();
        if read == 0 {
            break;
        }
        shown.push_str(&String::from_utf8_lossy(piece.get(..read).unwrap()));
        if !asked && shown.contains(PROMPT) {
            asked = true;
            keyboard.write_all(keys.as_bytes()).unwrap();
        }
    }
    assert!(asked, "it did not ask: {shown}");
    Some((shown, script.wait().unwrap().code()))
}

fn kept(place: &Place) -> bool {
    let listed = run(place.path(), &["overlay", "--home", "home", "--workspace", "ws"]);
    listed.stderr.contains("added new")
}

// fs case 51
#[test]
fn yes_commits() {
    let place = Place::scribe();
    let Some((shown, code)) = typed(&place, "y\n") else { return };
    assert!(shown.contains("added new") && shown.contains("1 change committed to ws"), "{shown}");
    assert_eq!((code, names(&place.path().join("ws"))), (Some(0), vec!["new".to_owned(), "old".to_owned()]));
    assert!(!kept(&place));
}

// fs case 51
#[test]
fn drop_rolls_back() {
    let place = Place::scribe();
    let Some((shown, code)) = typed(&place, "d\n") else { return };
    assert!(shown.contains("1 change rolled back in ws"), "{shown}");
    assert_eq!((code, names(&place.path().join("ws"))), (Some(0), vec!["old".to_owned()]));
    assert!(!kept(&place));
}

#[test]
fn an_empty_line_another_word_the_end_of_the_input_and_an_interrupt_keep_the_changes() {
    for keys in ["\n", "perhaps\n", "\u{4}", "\u{3}"] {
        let place = Place::scribe();
        let Some((shown, code)) = typed(&place, keys) else { return };
        assert!(shown.contains("the changes are kept apart"), "{keys:?}: {shown}");
        assert_eq!((code, names(&place.path().join("ws"))), (Some(0), vec!["old".to_owned()]), "{keys:?}");
        assert!(kept(&place), "{keys:?}");
    }
}

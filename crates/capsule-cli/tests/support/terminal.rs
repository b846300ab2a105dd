//! Runs the program in a terminal, which `script` gives it.

use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};

/// The program, for a line.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_capsule");

/// Runs a line of a shell and types each answer when its question is shown. What the terminal showed, and the exit
/// code; none where no terminal can be made.
pub fn typed(dir: &Path, line: &str, answers: &[(&str, &str)]) -> Option<(String, Option<i32>)> {
    if Command::new("script").arg("--version").output().is_err() {
        eprintln!("not done, this machine has no `script` that gives a terminal");
        return None;
    }
    let mut script = Command::new("script")
        .current_dir(dir)
        .args(["-qfec", line, "/dev/null"])
        .env("SHELL", "/bin/sh")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut shown, mut output) = (String::new(), script.stdout.take().unwrap());
    // Open until the program ends: the end of its input would be an answer too.
    let mut keyboard = script.stdin.take().unwrap();
    let (mut piece, mut left, mut seen) = ([0; 1024], answers.iter(), 0);
    let mut next = left.next();
    loop {
        let read = output.read(&mut piece).unwrap();
        if read == 0 {
            break;
        }
        shown.push_str(&String::from_utf8_lossy(piece.get(..read).unwrap()));
        while let Some((question, answer)) = next
            && let Some(at) = shown.get(seen..).unwrap().find(question)
        {
            seen += at + question.len();
            keyboard.write_all(answer.as_bytes()).unwrap();
            next = left.next();
        }
    }
    assert!(next.is_none(), "it did not ask {next:?}: {shown}");
    Some((shown, script.wait().unwrap().code()))
}

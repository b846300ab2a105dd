//! Asking on a terminal, for a line that is shown and for one that is not.

use std::io::{BufRead, IsTerminal};

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

use crate::output;

/// Whether somebody can read a question and answer it.
pub(super) fn can_ask() -> bool {
    std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}

/// Shows `question` and reads a line; none at the end of the input. Ctrl-C is for whoever waits for the whole
/// installation, so that this does not come back then.
pub(super) async fn line(question: &str) -> Option<String> {
    output::question(question);
    read().await
}

/// The same, and what is typed is not shown.
pub(super) async fn hidden(question: &str) -> Option<String> {
    let silent = Silent::begin();
    output::question(question);
    let line = read().await;
    drop(silent);
    // The line feed was not shown either.
    output::diagnostic("");
    line
}

async fn read() -> Option<String> {
    let (answer, answered) = tokio::sync::oneshot::channel();
    // Not on the runtime's threads: a read that nobody answers must not keep the process.
    let reading = std::thread::Builder::new().name("ask".to_owned()).spawn(move || {
        let mut line = String::new();
        let read = std::io::stdin().lock().read_line(&mut line);
        let _ = answer.send(read.is_ok_and(|bytes| bytes > 0).then_some(line));
    });
    reading.ok()?;
    tokio::select! {
        line = answered => line.ok().flatten().map(|line| line.trim_end_matches(['\r', '\n']).to_owned()),
        _ = tokio::signal::ctrl_c() => std::future::pending().await,
    }
}

/// The terminal does not show what is typed until this is dropped, whatever ends the wait.
struct Silent(Option<Termios>);

impl Silent {
    fn begin() -> Self {
        let stdin = std::io::stdin();
        let Ok(before) = tcgetattr(&stdin) else { return Self(None) };
        let mut silent = before.clone();
        silent.local_modes.remove(LocalModes::ECHO);
        Self(tcsetattr(&stdin, OptionalActions::Now, &silent).is_ok().then_some(before))
    }
}

impl Drop for Silent {
    fn drop(&mut self) {
        if let Some(before) = &self.0 {
            // Nothing is left to do where the terminal has gone.
            let _ = tcsetattr(std::io::stdin(), OptionalActions::Now, before);
        }
    }
}

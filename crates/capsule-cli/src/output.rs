//! What the program writes: results on stdout, everything else on stderr. Styles reach terminals only.

use std::fmt::Display;
use std::io::{ErrorKind, Write};

use anstyle::{AnsiColor, Style};

use crate::error::CliError;

/// Heads of sections.
pub(crate) const HEAD: Style = Style::new().bold();
/// What is as it should be.
pub(crate) const GOOD: Style = AnsiColor::Green.on_default();
/// What will not work.
pub(crate) const BAD: Style = AnsiColor::Red.on_default();
/// What is there without mattering.
pub(crate) const FAINT: Style = Style::new().dimmed();

const ERROR: Style = AnsiColor::Red.on_default().bold();
/// What an operator should know.
pub(crate) const WARNING: Style = AnsiColor::Yellow.on_default().bold();

/// Writes the text of a result, which ends with a line feed, to stdout.
///
/// # Errors
/// Stdout cannot be written, except when its reader has gone: who closes a pipe has seen enough.
pub(crate) fn result(text: &str) -> Result<(), CliError> {
    let mut stdout = anstream::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(CliError::new(format!("stdout: cannot be written: {error}")))
        }
        _ => Ok(()),
    }
}

/// Writes each line of an error to stderr.
pub(crate) fn errors(error: &CliError) {
    for line in error.lines() {
        headed(ERROR, "error", line);
    }
}

/// Writes one line of a warning to stderr.
pub(crate) fn warning(line: impl Display) {
    headed(WARNING, "warning", line);
}

/// Writes how a capsule is doing to stderr.
pub(crate) fn state(capsule: &str, state: &str, detail: &str) {
    let style = if state == "ready" { GOOD } else { WARNING };
    let _ = writeln!(anstream::stderr().lock(), "{capsule} {style}{state}{style:#} {FAINT}{detail}{FAINT:#}");
}

/// Writes one line for a program to stderr.
pub(crate) fn diagnostic(line: &str) {
    let _ = writeln!(anstream::stderr().lock(), "{line}");
}

/// Writes a question to stderr; the answer is typed behind it.
pub(crate) fn question(text: &str) {
    let mut stderr = anstream::stderr().lock();
    let _ = stderr.write_all(text.as_bytes()).and_then(|()| stderr.flush());
}

/// Passes the output of a program that failed on to stderr.
pub(crate) fn pass_on(foreign: &str) {
    // Nobody is left to tell when stderr is gone.
    let _ = anstream::stderr().lock().write_all(foreign.as_bytes());
}

fn headed(style: Style, head: &str, line: impl Display) {
    let _ = writeln!(anstream::stderr().lock(), "{style}{head}:{style:#} {line}");
}

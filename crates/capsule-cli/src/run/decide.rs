//! What becomes of changes to the workspace that were kept apart.

use std::io::{BufRead, IsTerminal};
use std::path::Path;

use astrid_capsule::{Change, Runtime};
use astrid_host_context::Principal;
use tokio::signal::unix::{SignalKind, signal};

use crate::error::CliError;
use crate::output;

/// What to do with the changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Decision {
    /// Write them into the workspace.
    Commit,
    /// Drop them.
    Rollback,
    /// Leave them where they are, undecided.
    Keep,
}

impl Decision {
    /// What the switches say, of which at most one is given.
    pub(crate) fn of(commit: bool, rollback: bool) -> Option<Self> {
        match (commit, rollback) {
            (true, _) => Some(Self::Commit),
            (_, true) => Some(Self::Rollback),
            _ => None,
        }
    }
}

/// Carries out what was decided about the changes of `only`, or of everybody, or asks if nothing was and
/// somebody can answer. Others' changes are listed and kept. Whatever is not clearly a decision keeps the changes.
pub(crate) async fn decide(
    runtime: &Runtime,
    workspace: &Path,
    only: Option<&Principal>,
    decided: Option<Decision>,
) -> Result<(), CliError> {
    let all = runtime.overlay_changes().await.map_err(CliError::new)?;
    let mut kept = false;
    for (who, changes) in all {
        list(&who, &changes);
        let decision = match decided {
            _ if only.is_some_and(|only| *only != who) => Decision::Keep,
            Some(decision) => decision,
            None if can_ask() => ask(workspace).await,
            None => Decision::Keep,
        };
        let (done, said) = match decision {
            Decision::Commit => (runtime.overlay_commit(&who).await, "committed to"),
            Decision::Rollback => (runtime.overlay_rollback(&who).await, "rolled back in"),
            Decision::Keep => {
                kept = true;
                continue;
            }
        };
        done.map_err(CliError::new)?;
        let count = count(changes.len());
        output::diagnostic(&format!("{who}: {count} {said} {}", workspace.display()));
    }
    if kept {
        let how = "the changes are kept apart; decide with `capsule overlay --commit` or `capsule overlay --rollback`";
        output::diagnostic(&format!("{how}, with the same --home and --workspace"));
    }
    Ok(())
}

fn list(who: &Principal, changes: &[Change]) {
    output::diagnostic(&format!("{who}: {} to the workspace", count(changes.len())));
    for Change { path, kind } in changes {
        // A name in it may hold what would command a terminal.
        output::diagnostic(&format!("  {kind} {}", path.escape_debug()));
    }
}

fn count(changes: usize) -> String {
    if changes == 1 { "1 change".to_owned() } else { format!("{changes} changes") }
}

fn can_ask() -> bool {
    std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}

/// Ctrl-C or the end of the input is no answer.
async fn ask(workspace: &Path) -> Decision {
    // Heard from here on: whoever answers the question with Ctrl-C may be fast.
    let Ok(mut interrupt) = signal(SignalKind::interrupt()) else { return Decision::Keep };
    let workspace = workspace.display();
    output::diagnostic(&format!(
        "write them into {workspace}? [y] yes, [d] drop them, anything else keeps them"
    ));
    let (answer, answered) = tokio::sync::oneshot::channel();
    // Not on the runtime's threads: a read that nobody answers must not keep the process.
    let asking = std::thread::Builder::new().name("ask".to_owned()).spawn(move || {
        let mut line = String::new();
        let read = std::io::stdin().lock().read_line(&mut line).is_ok();
        let _ = answer.send(if read { line } else { String::new() });
    });
    if asking.is_err() {
        return Decision::Keep;
    }
    tokio::select! {
        line = answered => meant(&line.unwrap_or_default()),
        _ = interrupt.recv() => Decision::Keep,
    }
}

fn meant(line: &str) -> Decision {
    match line.trim().to_ascii_lowercase().as_str() {
        "y" | "yes" => Decision::Commit,
        "d" | "drop" => Decision::Rollback,
        _ => Decision::Keep,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_clear_answer_decides() {
        assert_eq!([meant("y\n"), meant(" YES")], [Decision::Commit; 2]);
        assert_eq!([meant("d\n"), meant("Drop\n")], [Decision::Rollback; 2]);
        for unclear in ["", "\n", "n\n", "no", "commit", "yd", "yes please"] {
            assert_eq!(meant(unclear), Decision::Keep, "{unclear:?}");
        }
    }
}

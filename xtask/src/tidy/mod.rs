//! `cargo xtask tidy`: rules of this repository that no compiler knows.

mod adopt;
mod banned;
mod conversion;
mod dependencies;
mod enter;
mod faces;
mod forbid;
mod length;
mod source;
mod weight;

use std::process::ExitCode;

use anyhow::{Result, bail};

use crate::workspace::Workspace;

/// Fails with every breach there is.
pub(crate) fn run(workspace: &Workspace) -> Result<ExitCode> {
    let sources = source::all(workspace)?;
    for warning in length::warnings(&sources) {
        eprintln!("warning: {warning}");
    }
    let breaches = breaches(workspace, &sources);
    for breach in &breaches {
        eprintln!("{breach}");
    }
    match breaches.len() {
        0 => Ok(ExitCode::SUCCESS),
        count => bail!("{count} breach(es) of the rules"),
    }
}

fn breaches(workspace: &Workspace, sources: &[source::Source]) -> Vec<String> {
    let mut breaches = dependencies::breaches(&dependencies::edges(&workspace.metadata));
    breaches.extend(weight::breaches(&workspace.root));
    for rule in [
        faces::breaches,
        conversion::breaches,
        enter::breaches,
        banned::breaches,
        adopt::breaches,
        forbid::breaches,
        length::breaches,
    ] {
        breaches.extend(rule(sources));
    }
    breaches
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_repository_is_tidy() {
        let workspace = Workspace::find().unwrap();
        let found = breaches(&workspace, &source::all(&workspace).unwrap());
        assert!(found.is_empty(), "{found:#?}");
    }
}

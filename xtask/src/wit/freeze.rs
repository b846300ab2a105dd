//! `cargo xtask wit freeze`.

use std::process::ExitCode;

use anyhow::{Result, bail};

use crate::wit::catalog::{Catalog, file_name};
use crate::wit::{digests, frozen_folder};
use crate::workspace::{Workspace, entries, write_if_changed};

const HEAD: &str = "# BLAKE3 of every frozen file. Lines are only ever added: `cargo xtask wit freeze`.\n";

/// Adds what is missing. A recorded file that changed is refused: it is frozen.
pub(crate) fn run(workspace: &Workspace) -> Result<ExitCode> {
    let frozen = Catalog::load(entries(&frozen_folder(workspace))?)?;
    let path = digests::path(workspace);
    let mut recorded = digests::load(&path)?;
    for id in frozen.ids() {
        let (file, digest) = (file_name(id), digests::of(&frozen.get(id)?.text));
        let line = recorded.entry(file.clone()).or_insert_with(|| digest.clone());
        if *line != digest {
            bail!("{file} is frozen and has changed; restore it");
        }
    }
    let lines = recorded.iter().map(|(file, digest)| format!("\"{file}\" = \"{digest}\"\n"));
    let text = HEAD.to_owned() + &lines.collect::<String>();
    write_if_changed(&path, text.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

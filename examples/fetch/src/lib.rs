//! Downloads a URL into a file of the workspace, a piece at a time: however large the body, the capsule holds 256 KiB.
//!
//! One event handler (`fetch.v1.get`), and two events of its own (`fetch.v1.state.progress`, `fetch.v1.state.done`).

mod download;

use astrid_sdk::prelude::*;
use serde::{Deserialize, Serialize};

use crate::download::Download;

/// Bytes between two words about the progress.
const STEP: u64 = 1 << 20;

/// The capsule; it remembers nothing.
#[derive(Default)]
pub struct Fetch;

/// What to download.
#[derive(Debug, Deserialize)]
pub struct Get {
    /// From where.
    pub url: String,
    /// Where to, relative to the workspace; a file that is there is replaced once the download is whole.
    pub file: String,
}

/// The payload of `fetch.v1.state.progress`.
#[derive(Debug, Serialize)]
pub struct Progress {
    /// Bytes in the file so far.
    pub bytes: u64,
    /// How many there will be, if the server said so.
    pub of: Option<u64>,
}

/// The answer, and the payload of `fetch.v1.state.done`.
#[derive(Debug, Serialize)]
pub struct Done {
    /// The file, relative to the workspace.
    pub file: String,
    /// Its length.
    pub bytes: u64,
}

/// Downloads into files of the workspace.
#[capsule]
impl Fetch {
    /// Downloads one file.
    #[astrid::interceptor("get")]
    fn get(&self, args: Get) -> Result<Done, SysError> {
        let target = format!("workspace://{}", args.file);
        // Whoever looks at the target sees the old file or the whole new one.
        let part = format!("{target}.part");
        let saved = save(&args.url, &part);
        match saved.and_then(|bytes| fs::rename(&part, &target).map(|()| bytes)) {
            Ok(bytes) => {
                let done = Done { file: args.file, bytes };
                ipc::publish_json("fetch.v1.state.done", &done)?;
                Ok(done)
            }
            Err(error) => {
                // It may not be there yet, and the first failure is the one to tell.
                let _ = fs::remove_file(&part);
                Err(error)
            }
        }
    }
}

fn save(url: &str, path: &str) -> Result<u64, SysError> {
    let download = Download::start(url)?;
    let file = fs::File::create(path)?;
    let mut bytes = 0_u64;
    let mut told = 0;
    while let Some(piece) = download.next()? {
        let mut rest = piece.as_slice();
        while !rest.is_empty() {
            let written = file.write_at(bytes, rest)?;
            bytes += u64::from(written);
            rest = rest.get(written as usize..).unwrap_or_default();
        }
        if bytes / STEP > told {
            told = bytes / STEP;
            ipc::publish_json("fetch.v1.state.progress", &Progress { bytes, of: download.length() })?;
        }
    }
    file.sync_all()?;
    Ok(bytes)
}

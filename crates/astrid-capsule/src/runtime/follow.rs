//! Following the configuration file while the host runs.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};
use std::time::{Duration, SystemTime};

use astrid_airlock::{Airlock, LocalEgress};

use crate::Config;

/// How often the file is looked at. What an operator takes back is closed within a second (net chapter
/// §3.2), of which this is one half.
const LOOK: Duration = Duration::from_millis(500);
/// A file that is being written is read once it stayed as it is for this long.
const SETTLE: Duration = Duration::from_millis(100);

/// What tells one state of the file from another; `None` while there is no file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp(Option<(SystemTime, u64)>);

impl Stamp {
    /// The file as it is now. Blocks for the disk.
    pub(super) fn of(file: &Path) -> Self {
        let found = std::fs::metadata(file).ok();
        Self(found.and_then(|found| Some((found.modified().ok()?, found.len()))))
    }
}

/// Puts `[security.capsule_local_egress]` in force whenever the file changes. Other keys wait for the
/// next start.
pub(super) struct Follower {
    file: PathBuf,
    airlock: Weak<Airlock>,
    /// Admitted by whoever started the host, whatever the file says.
    always: LocalEgress,
    /// The file that is in force.
    known: Stamp,
}

impl Follower {
    /// Goes on from the file as it was before it was read at the start.
    pub(super) fn new(file: PathBuf, known: Stamp, airlock: &Arc<Airlock>, always: LocalEgress) -> Self {
        Self { file, airlock: Arc::downgrade(airlock), always, known }
    }

    /// Until the airlock is gone.
    pub(super) async fn run(mut self) {
        while self.airlock.strong_count() > 0 {
            let Some(stamp) = self.stamp().await else { return };
            if stamp == self.known {
                tokio::time::sleep(LOOK).await;
                continue;
            }
            tokio::time::sleep(SETTLE).await;
            if self.stamp().await == Some(stamp) {
                self.read().await;
                self.known = stamp;
            }
        }
    }

    async fn stamp(&self) -> Option<Stamp> {
        let file = self.file.clone();
        tokio::task::spawn_blocking(move || Stamp::of(&file)).await.ok()
    }

    async fn read(&self) {
        let file = self.file.clone();
        let read = tokio::task::spawn_blocking(move || Config::from_file(&file)).await;
        let Some(airlock) = self.airlock.upgrade() else { return };
        match read {
            Ok(Ok(config)) => {
                let mut rules = config.local_egress;
                rules.merge(self.always.clone());
                if airlock.put_rules(rules) {
                    tracing::info!(
                        file = %self.file.display(),
                        "[security.capsule_local_egress] is in force as it is now; other keys are at the next start"
                    );
                }
            }
            // A slip must neither admit nor cut off anybody.
            Ok(Err(error)) => {
                tracing::warn!(%error, "the configuration changed and is wrong; what was in force stays");
            }
            Err(error) => tracing::error!(%error, "the configuration was not read"),
        }
    }
}

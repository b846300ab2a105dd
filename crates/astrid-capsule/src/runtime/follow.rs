//! Following the configuration file while the host runs.

use std::path::PathBuf;
use std::sync::{Arc, Weak};
use std::time::{Duration, SystemTime};

use astrid_airlock::{Airlock, LocalEgress};

use crate::{Config, Home};

/// How often the file is looked at. What an operator takes back is closed within a second (net chapter
/// §3.2), of which this is one half.
const LOOK: Duration = Duration::from_millis(500);
/// A file that is being written is read once it stayed as it is for this long.
const SETTLE: Duration = Duration::from_millis(100);

/// What tells one state of the file from another; `None` while there is no file.
type Stamp = Option<(SystemTime, u64)>;

/// Puts `[security.capsule_local_egress]` in force whenever the file changes. Other keys wait for the
/// next start.
pub(super) struct Follower {
    file: PathBuf,
    airlock: Weak<Airlock>,
    /// Admitted by whoever started the host, whatever the file says.
    always: LocalEgress,
}

impl Follower {
    pub(super) fn new(home: &Home, airlock: &Arc<Airlock>, always: LocalEgress) -> Self {
        Self { file: home.etc().join("config.toml"), airlock: Arc::downgrade(airlock), always }
    }

    /// Until the airlock is gone.
    pub(super) async fn run(self) {
        // Not the file's own stamp: it may have changed since it was read at the start.
        let mut known = None;
        loop {
            let mut stamp = self.stamp().await;
            if known != Some(stamp) {
                tokio::time::sleep(SETTLE).await;
                let settled = self.stamp().await;
                if settled == stamp {
                    self.read().await;
                    known = Some(stamp);
                }
                stamp = settled;
            }
            if self.airlock.strong_count() == 0 {
                return;
            }
            if known == Some(stamp) {
                tokio::time::sleep(LOOK).await;
            }
        }
    }

    async fn stamp(&self) -> Stamp {
        let file = self.file.clone();
        let found = tokio::task::spawn_blocking(move || std::fs::metadata(file)).await.ok()?.ok()?;
        Some((found.modified().ok()?, found.len()))
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

//! Following the configuration file while the host runs.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};
use std::time::Duration;

use astrid_airlock::{Airlock, LocalEgress};

use crate::Config;

/// How often the file is looked at. What an operator takes back is closed within a second (net chapter
/// §3.2), of which this is one half.
const LOOK: Duration = Duration::from_millis(500);
/// A file that is being written is read once it stayed as it is for this long.
const SETTLE: Duration = Duration::from_millis(100);

/// What tells one state of the file from another; `None` while there is no file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp(Option<Seen>);

/// The times alone are the kernel's ticks, of which one has room for two writes of equally many bytes: editors that
/// replace the file give it another inode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Seen {
    inode: (u64, u64),
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    /// The file as it is now. Blocks for the disk.
    pub(super) fn of(file: &Path) -> Self {
        Self(std::fs::metadata(file).ok().map(|found| Seen {
            inode: (found.dev(), found.ino()),
            size: found.size(),
            modified: (found.mtime(), found.mtime_nsec()),
            changed: (found.ctime(), found.ctime_nsec()),
        }))
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

#[cfg(test)]
mod tests {
    use super::*;

    // net case 9: what a test with a real clock on a busy machine cannot tell
    #[test]
    fn a_change_is_in_force_within_a_second() {
        assert!(LOOK + SETTLE < Duration::from_secs(1));
    }

    #[test]
    fn a_file_that_was_replaced_is_another_whatever_its_size_and_times_are() {
        let dir = tempfile::tempdir().unwrap();
        let (file, fresh) = (dir.path().join("config.toml"), dir.path().join("config.new"));
        assert_eq!(Stamp::of(&file), Stamp(None));
        std::fs::write(&file, "a = 1").unwrap();
        let before = Stamp::of(&file);
        assert_eq!(before, Stamp::of(&file));
        std::fs::write(&fresh, "a = 2").unwrap();
        let same = std::fs::metadata(&file).unwrap().modified().unwrap();
        std::fs::File::options().append(true).open(&fresh).unwrap().set_modified(same).unwrap();
        std::fs::rename(&fresh, &file).unwrap();
        assert_ne!(before, Stamp::of(&file));
    }
}

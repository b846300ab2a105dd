//! Whatever is done, an overlay answers as a plain directory would, and commits what that holds.
#![expect(clippy::indexing_slicing, reason = "the dice have as many sides as there are choices")]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use crate::common::{State, state};
use crate::workspace::{Bench, arm, plant, snapshot};
use astrid_host_fs::{Direct, Directories, FsView, OpenMode};
use astrid_host_testkit::FakeHost;

const TREE: [(&str, &str); 9] = [
    ("a", "a"),
    ("b/c", "c"),
    ("b/d/a", "ba"),
    ("c/a/b", "cab"),
    ("c/b", "cb"),
    ("d/", ""),
    ("e", "->b"),
    ("b/e", "->../c/b"),
    ("c/e", "->nothing"),
];

/// Steps of one round.
const STEPS: usize = 60;

fn rounds() -> u64 {
    if std::env::var_os("ASTRID_LONG_TESTS").is_some() { 2000 } else { 60 }
}

/// Numbers that look random and are the same each time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }

    fn path(&mut self) -> String {
        let depth = 1 + self.roll(3);
        let names: Vec<_> = (0..depth).map(|_| ["a", "b", "c", "d", "e"][self.roll(5) as usize]).collect();
        names.join("/")
    }
}

/// Does one thing and says what came of it.
async fn act(host: &mut State, what: u64, from: &str, to: &str) -> String {
    let (one, two) = (from.to_owned(), to.to_owned());
    match what {
        0 | 1 => format!("{:?}", arm(host.fs().write_file(one, to.into()).await)),
        2 => format!("{:?}", arm(host.fs().append(one, to.into()).await)),
        3 => format!("{:?}", arm(host.fs().unlink(one).await)),
        4 => format!("{:?}", arm(host.fs().mkdir(one).await)),
        5 => format!("{:?}", arm(host.fs().mkdir_all(one).await)),
        6 => format!("{:?}", arm(host.fs().remove_dir_all(one).await)),
        7..=9 => format!("{:?}", arm(host.fs().rename(one, two).await)),
        10 => format!("{:?}", arm(host.fs().copy(one, two).await)),
        11 => {
            let mode = [OpenMode::Write, OpenMode::Append, OpenMode::ReadWrite][to.len() % 3];
            match arm(host.fs().open(one, mode).await) {
                Ok(file) => {
                    let wrote = arm(host.fs().write_at(&file, 1, two.into()).await);
                    host.fs().drop_handle(file);
                    format!("{wrote:?}")
                }
                Err(error) => format!("{error:?}"),
            }
        }
        12 => format!("{:?}", arm(host.fs().hard_link(one, two).await)),
        13 => format!("{:?}", arm(host.fs().read_dir(one).await)),
        14 => format!("{:?}", arm(host.fs().read_link(one).await)),
        15 => format!("{:?}", arm(host.fs().canonicalize(one).await)),
        16 => format!("{:?}", arm(host.fs().stat_symlink(one).await).map(|s| (s.kind, s.mode & 0o777))),
        _ => format!("{:?}", arm(host.fs().read_file(one).await)),
    }
}

/// The tree without times, and without how many names a file has.
fn plain(root: &Path) -> BTreeMap<String, String> {
    let short = |said: String| {
        let mut words = said.splitn(4, ' ');
        match (words.next(), words.next(), words.next(), words.next()) {
            (Some(mode), Some(_), Some(_), Some(content)) if mode != "->" => format!("{mode} {content}"),
            _ => said.clone(),
        }
    };
    snapshot(root).into_iter().map(|(path, said)| (path, short(said))).collect()
}

// fs case 51
#[tokio::test]
async fn an_overlay_answers_as_a_plain_directory_would_and_commits_what_that_holds() {
    for round in 0..rounds() {
        let bench = Bench::new(&TREE);
        let model = bench.directory.path().join("model");
        std::fs::create_dir(&model).unwrap();
        plant(&model, &TREE);
        let direct = Arc::new(Direct::builder().open(&model).unwrap());
        let mut plain_host = state(FakeHost::builder(), Arc::new(Directories::new().workspace(direct)));
        let before = snapshot(&bench.lower());
        let openat2 = round % 2 == 0;
        let mut open = bench.open_by(openat2);
        let mut dice = Dice(round.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let mut history = Vec::new();
        for step in 0..STEPS {
            let (what, from, to) = (dice.roll(18), dice.path(), dice.path());
            history.push((what, from.clone(), to.clone()));
            let expected = act(&mut plain_host, what, &from, &to).await;
            let answer = act(&mut open.host, what, &from, &to).await;
            assert_eq!(answer, expected, "round {round}: {history:#?}");
            if step == STEPS / 2 {
                // The other half begins with what is read back, without the first's memory.
                bench.close(open).await;
                open = bench.open_by(openat2);
            }
        }
        assert_eq!(snapshot(&bench.lower()), before, "round {round}: {history:#?}");
        // Files that were opened are closed on the pool.
        while matches!(open.of("alice").commit(), Err(astrid_host_fs::OverlayError::Busy(_))) {
            tokio::task::yield_now().await;
        }
        assert_eq!(plain(&bench.lower()), plain(&model), "round {round}: {history:#?}");
        assert!(open.changes("alice").is_empty());
    }
}

//! Random calls on a tree full of traps: what guests and records may read of it.
//!
//! 5,000 calls, or 100,000 with `ASTRID_LONG_TESTS` set.

use std::os::unix::fs::{PermissionsExt, symlink};

use crate::child::done_by_nobody;
use crate::common::State;
use crate::place::Place;
use astrid_host_fs::v1_0::bindings::astrid::fs::host::ErrorCode;
use astrid_host_fs::{Error, FsView, OpenMode, Text};
use astrid_host_testkit::FakeHost;

/// Numbers that are the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % sides as u64).unwrap()
    }

    fn one_of<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of.get(self.below(of.len())).unwrap()
    }

    fn path(&mut self) -> String {
        const PARTS: [&str; 16] = [
            "a",
            "b",
            "d",
            "d",
            "e",
            "locked",
            "loop",
            "dangling",
            "out",
            "up",
            "fifo",
            "..",
            ".",
            "",
            ".astrid-tmp.0000000000000001",
            "\u{e9}",
        ];
        const ODD: [&str; 4] = ["/etc/passwd", "e\u{301}", "x://y", "a\nb"];
        if self.below(40) == 0 {
            return self.one_of(&ODD).into();
        }
        let scheme = self.one_of(&["", "", "", "workspace://", "home://", "tmp://", "/tmp/"]);
        let parts: Vec<_> = (0..=self.below(4)).map(|_| self.one_of(&PARTS)).collect();
        format!("{scheme}{}", parts.join("/"))
    }
}

/// One random call; the text of its result as a guest reads it.
async fn call(host: &mut State, dice: &mut Dice) -> Result<String, Error> {
    let (one, two) = (dice.path(), dice.path());
    let content = vec![7; dice.below(3) * 100];
    let fs = &mut host.fs();
    let said = |()| String::new();
    match dice.below(15) {
        0 => fs.exists(one).await.map(|it| format!("{it}")),
        1 => fs.mkdir(one).await.map(said),
        2 => fs.mkdir_all(one).await.map(said),
        3 => fs.read_dir(one).await.map(|it| format!("{it:?}")),
        4 => fs.stat(one).await.map(|it| format!("{it:?}")),
        5 => fs.stat_symlink(one).await.map(|it| format!("{it:?}")),
        6 => fs.unlink(one).await.map(said),
        7 => fs.read_file(one).await.map(|it| String::from_utf8(it).unwrap()),
        8 => fs.write_file(one, content).await.map(said),
        9 => fs.append(one, content).await.map(said),
        10 => fs.copy(one, two).await.map(said),
        11 => fs.rename(one, two).await.map(said),
        12 => match dice.below(8) {
            0 => fs.remove_dir_all(one).await.map(|it| format!("{it}")),
            _ => fs.hard_link(one, two).await.map(said),
        },
        13 => fs.canonicalize(one).await,
        _ => match dice.below(2) {
            0 => fs.read_link(one).await,
            _ => {
                let mode = [OpenMode::Read, OpenMode::Write, OpenMode::Append, OpenMode::ReadWrite];
                let handle = fs.open(one, *mode.get(dice.below(4)).unwrap()).await?;
                let _ = fs.write_at(&handle, 1 << dice.below(64), content).await;
                let _ = fs.set_len(&handle, 1 << dice.below(64)).await;
                let result = fs.read_at(&handle, 0, 100).await.map(|it| format!("{it:?}"));
                fs.drop_handle(handle);
                result
            }
        },
    }
}

fn plant(place: &Place) {
    let w = place.at("workspace");
    let _ = std::fs::create_dir(w.join("locked"));
    let _ = std::fs::write(w.join("locked/x"), "x");
    for (target, name) in
        [("loop", "loop"), ("missing", "dangling"), ("/etc", "out"), ("..", "up"), ("d/../a", "e")]
    {
        let _ = symlink(target, w.join(name));
    }
    let mode = rustix::fs::Mode::from_raw_mode(0o600);
    let _ = rustix::fs::mkfifoat(rustix::fs::CWD, w.join("fifo"), mode);
    let _ = std::fs::set_permissions(w.join("locked"), PermissionsExt::from_mode(0o000));
}

// fs case 47
#[tokio::test]
async fn no_call_says_more_than_the_closed_list_and_none_names_a_host_path() {
    if done_by_nobody("texts::no_call_says_more_than_the_closed_list_and_none_names_a_host_path") {
        return;
    }
    let calls = if std::env::var_os("ASTRID_LONG_TESTS").is_some() { 100_000 } else { 5000 };
    let mut place = Place::new();
    let hosts_own = place.directory.path().file_name().unwrap().to_str().unwrap().to_owned();
    let (mut dice, mut failed, mut unknown) = (Dice(0x9e37_79b9_7f4a_7c15), 0, 0);
    let mut host = place.host(FakeHost::builder());
    for round in 0..calls {
        if round % 200 == 0 {
            plant(&place);
            place.openat2 = round % 400 == 0;
            host = place.host(FakeHost::builder());
        }
        let text = match call(&mut host, &mut dice).await {
            Ok(text) => text,
            Err(error) => {
                failed += 1;
                let code = ErrorCode::from(error);
                if let ErrorCode::Unknown(text) = &code {
                    unknown += 1;
                    assert!(Text::ALL.iter().any(|known| known.as_str() == text), "{text}");
                }
                format!("{code:?}")
            }
        };
        let records = format!("{:?}", host.fake.recorder().audited());
        assert!(!text.contains(&hosts_own), "call {round}: {text}");
        assert!(!records.contains(&hosts_own), "call {round}: {records}");
        host.fake.recorder().clear();
    }
    std::fs::set_permissions(place.at("workspace/locked"), PermissionsExt::from_mode(0o700)).unwrap();
    assert!(failed > calls / 10 && failed < calls && unknown > 0, "{failed} failed, {unknown} with a text");
}

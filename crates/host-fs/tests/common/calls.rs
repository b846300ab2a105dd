//! Random calls on a tree full of traps. Whoever calls brings the chance: dice, or a fuzzer's bytes.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use astrid_host_fs::{Error, FsView, OpenMode};

/// Where choices come from.
pub(crate) trait Choices {
    /// A number below `sides`.
    fn below(&mut self, sides: usize) -> usize;
}

fn one_of<'a>(choices: &mut impl Choices, of: &[&'a str]) -> &'a str {
    of.get(choices.below(of.len())).unwrap()
}

fn path(choices: &mut impl Choices) -> String {
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
    if choices.below(40) == 0 {
        return one_of(choices, &ODD).into();
    }
    let scheme = one_of(choices, &["", "", "", "workspace://", "home://", "tmp://", "/tmp/"]);
    let parts: Vec<_> = (0..=choices.below(4)).map(|_| one_of(choices, &PARTS)).collect();
    format!("{scheme}{}", parts.join("/"))
}

/// One random call; the text of its result as a guest reads it.
pub(crate) async fn call(host: &mut impl FsView, choices: &mut impl Choices) -> Result<String, Error> {
    let (one, two) = (path(choices), path(choices));
    let content = vec![7; choices.below(3) * 100];
    let fs = &mut host.fs();
    let said = |()| String::new();
    match choices.below(15) {
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
        12 => match choices.below(8) {
            0 => fs.remove_dir_all(one).await.map(|it| format!("{it}")),
            _ => fs.hard_link(one, two).await.map(said),
        },
        13 => fs.canonicalize(one).await,
        _ => match choices.below(2) {
            0 => fs.read_link(one).await,
            _ => {
                let mode = [OpenMode::Read, OpenMode::Write, OpenMode::Append, OpenMode::ReadWrite];
                let handle = fs.open(one, *mode.get(choices.below(4)).unwrap()).await?;
                let _ = fs.write_at(&handle, 1 << choices.below(64), content).await;
                let _ = fs.set_len(&handle, 1 << choices.below(64)).await;
                let result = fs.read_at(&handle, 0, 100).await.map(|it| format!("{it:?}"));
                fs.drop_handle(handle);
                result
            }
        },
    }
}

/// Puts the traps into a workspace, or back into it.
pub(crate) fn plant(workspace: &Path) {
    let _ = std::fs::create_dir(workspace.join("locked"));
    let _ = std::fs::write(workspace.join("locked/x"), "x");
    for (target, name) in
        [("loop", "loop"), ("missing", "dangling"), ("/etc", "out"), ("..", "up"), ("d/../a", "e")]
    {
        let _ = symlink(target, workspace.join(name));
    }
    let mode = rustix::fs::Mode::from_raw_mode(0o600);
    let _ = rustix::fs::mkfifoat(rustix::fs::CWD, workspace.join("fifo"), mode);
    let _ = std::fs::set_permissions(workspace.join("locked"), PermissionsExt::from_mode(0o000));
}

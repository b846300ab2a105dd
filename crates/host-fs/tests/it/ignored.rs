//! What `.astridignore` keeps from capsules: read, written, moved, removed or reached by a link.

use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::Arc;

use crate::common::{State, state};
use astrid_host_fs::{
    Direct, Directories, Error, FsView, OpenMode, Overlay, Scheme, Volume, arms::V1_0 as Arm,
};
use astrid_host_testkit::FakeHost;

const DENIED: Result<(), Arm> = Err(Arm::CapabilityDenied);

fn arm<T>(result: Result<T, Error>) -> Result<(), Arm> {
    result.map(drop).map_err(|error| Arm::from(&error))
}

fn plant(root: &Path) {
    for directory in ["keys", "d/secret", "src"] {
        std::fs::create_dir_all(root.join(directory)).unwrap();
    }
    for file in ["keys/a.pem", "d/secret/x", "d/open", "src/f", "src/b.pem", "public.pem"] {
        std::fs::write(root.join(file), "content").unwrap();
    }
    symlink("../d/secret/x", root.join("src/link")).unwrap();
    symlink("d/secret", root.join("way")).unwrap();
    std::fs::write(root.join(".astridignore"), "# kept\n*.pem\n!public.pem\nsecret/\n").unwrap();
}

fn hosts() -> impl Iterator<Item = (tempfile::TempDir, State)> {
    [(false, true), (false, false), (true, true), (true, false)].into_iter().map(|(overlaid, openat2)| {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().join("workspace");
        std::fs::create_dir(&root).unwrap();
        plant(&root);
        let direct = Arc::new(Direct::builder().openat2(openat2).ignore_file(true).open(&root).unwrap());
        let volume: Arc<dyn Volume> = if overlaid {
            Arc::new(Overlay::open(direct, Scheme::Workspace, &directory.path().join("kept")).unwrap())
        } else {
            direct
        };
        let mounts = Directories::new().workspace(volume);
        (directory, state(FakeHost::builder(), Arc::new(mounts)))
    })
}

// fs §4, the optional file
#[tokio::test]
async fn what_matches_a_pattern_is_out_of_reach_by_every_way() {
    for (directory, mut host) in hosts() {
        let closed = [
            "keys/a.pem",
            "src/b.pem",
            "d/secret",
            "d/secret/x",
            "src/link",
            "way",
            "way/x",
            ".astridignore",
        ];
        for path in closed {
            let path = || path.to_owned();
            if path() != "way" && path() != "src/link" {
                assert_eq!(arm(host.fs().stat_symlink(path()).await), DENIED, "{}", path());
                assert_eq!(arm(host.fs().unlink(path()).await), DENIED, "{}", path());
                assert_eq!(arm(host.fs().rename(path(), "src/moved".into()).await), DENIED, "{}", path());
                assert_eq!(arm(host.fs().rename("src/f".into(), path()).await), DENIED, "{}", path());
            }
            assert_eq!(arm(host.fs().exists(path()).await), DENIED, "{}", path());
            assert_eq!(arm(host.fs().read_file(path()).await), DENIED, "{}", path());
            assert_eq!(arm(host.fs().write_file(path(), vec![]).await), DENIED, "{}", path());
            assert_eq!(arm(host.fs().append(path(), vec![1]).await), DENIED, "{}", path());
            assert_eq!(arm(host.fs().open(path(), OpenMode::ReadWrite).await), DENIED, "{}", path());
            assert_eq!(arm(host.fs().copy(path(), "src/copy".into()).await), DENIED, "{}", path());
            assert_eq!(arm(host.fs().hard_link(path(), "src/copy".into()).await), DENIED, "{}", path());
            assert_eq!(arm(host.fs().canonicalize(path()).await), DENIED, "{}", path());
            assert_eq!(arm(host.fs().read_dir(path()).await), DENIED, "{}", path());
        }
        // What is not there yet is as much out of reach.
        assert_eq!(arm(host.fs().write_file("new.pem".into(), vec![]).await), DENIED);
        assert_eq!(arm(host.fs().mkdir_all("src/secret/deep".into()).await), DENIED);
        // Nor does moving or removing what lies above bring it into reach.
        for above in ["keys", "d", "src"] {
            assert_eq!(arm(host.fs().rename(above.into(), "moved".into()).await), DENIED, "{above}");
            assert_eq!(arm(host.fs().remove_dir_all(above.into()).await), DENIED, "{above}");
        }
        for open in ["public.pem", "d/open", "src/f"] {
            assert_eq!(host.fs().read_file(open.into()).await.unwrap(), b"content", "{open}");
        }
        host.fs().mkdir_all("own/deep".into()).await.unwrap();
        host.fs().rename("own".into(), "other".into()).await.unwrap();
        assert_eq!(host.fs().remove_dir_all("other".into()).await.unwrap(), 2);
        for kept in ["keys/a.pem", "d/secret/x", "src/b.pem"] {
            let there = std::fs::read(directory.path().join("workspace").join(kept)).unwrap();
            assert_eq!(there, b"content", "{kept}");
        }
    }
}

#[tokio::test]
async fn without_the_setting_the_file_is_one_like_any_other() {
    let directory = tempfile::tempdir().unwrap();
    plant(directory.path());
    let volume = Arc::new(Direct::builder().open(directory.path()).unwrap());
    let mut host = state(FakeHost::builder(), Arc::new(Directories::new().workspace(volume)));
    assert_eq!(arm(host.fs().read_file("keys/a.pem".into()).await), Ok(()));
    assert_eq!(arm(host.fs().read_file(".astridignore".into()).await), Ok(()));
}

#[test]
fn a_file_that_cannot_be_read_keeps_the_workspace_from_being_opened() {
    let directory = tempfile::tempdir().unwrap();
    let open = || Direct::builder().ignore_file(true).open(directory.path()).map(drop);
    open().unwrap();
    let file = directory.path().join(".astridignore");
    std::fs::write(&file, b"\xff\n").unwrap();
    assert!(open().unwrap_err().to_string().contains(".astridignore"));
    std::fs::remove_file(&file).unwrap();
    symlink("elsewhere", &file).unwrap();
    open().unwrap_err();
    std::fs::remove_file(&file).unwrap();
    std::fs::create_dir(&file).unwrap();
    open().unwrap_err();
}

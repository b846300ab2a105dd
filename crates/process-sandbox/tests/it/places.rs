//! Working directories.

use std::fs;
use std::os::unix::fs::symlink;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use astrid_host_process::{LaunchError, WorkDir};
use rustix::fs::{CWD, RenameFlags};

use crate::support::{World, worlds};

async fn pwd(world: &World, parts: &[&str]) -> Result<String, LaunchError> {
    let mut launch = world.launch("pwd", &[]);
    launch.cwd = WorkDir::Workspace(parts.iter().map(|&part| part.to_owned()).collect());
    Ok(world.try_run(launch).await?.output().to_owned())
}

// process case 17
#[tokio::test]
async fn a_command_starts_in_the_directory_that_was_asked_for() {
    for world in worlds() {
        fs::create_dir_all(world.workspace.path().join("sub/deep")).unwrap();
        symlink("sub/deep", world.workspace.path().join("inside")).unwrap();
        symlink("/", world.workspace.path().join("outside")).unwrap();
        symlink("../../..", world.workspace.path().join("up")).unwrap();
        let root = world.root();
        assert_eq!(pwd(&world, &[]).await.unwrap(), root.to_str().unwrap(), "{}", world.grade);
        assert_eq!(pwd(&world, &["sub"]).await.unwrap(), root.join("sub").to_str().unwrap());
        assert_eq!(pwd(&world, &["inside"]).await.unwrap(), root.join("sub/deep").to_str().unwrap());
        for leaving in [&["outside"][..], &["up"], &["outside", "etc"]] {
            let why = pwd(&world, leaving).await.unwrap_err();
            assert!(matches!(why, LaunchError::OutsideRoot), "{leaving:?}: {why:?}");
        }
    }
}

// process case 18
#[tokio::test]
async fn a_directory_that_is_none_is_refused() {
    for world in worlds() {
        fs::write(world.workspace.path().join("file"), "").unwrap();
        for wrong in [&["missing"][..], &["file"], &["file", "x"]] {
            let why = pwd(&world, wrong).await.unwrap_err();
            assert!(matches!(why, LaunchError::NoDirectory), "{wrong:?}: {why:?}");
        }
        // A home that nobody granted.
        let mut launch = world.launch("pwd", &[]);
        launch.cwd = WorkDir::Home(vec!["x".to_owned()]);
        assert!(world.try_run(launch).await.is_err());
        let mut launch = world.launch("pwd", &[]);
        launch.roots.workspace = world.root().join("missing");
        assert!(matches!(world.try_run(launch).await, Err(LaunchError::NoDirectory)));
    }
}

// process case 19
#[tokio::test]
async fn a_directory_exchanged_for_a_link_meanwhile_never_leads_out() {
    for world in worlds() {
        let (place, other) = (world.root().join("place"), world.root().join("other"));
        fs::create_dir(&place).unwrap();
        symlink("/", &other).unwrap();
        let done = Arc::new(AtomicBool::new(false));
        let stop = Arc::clone(&done);
        let swapper = std::thread::spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                rustix::fs::renameat_with(CWD, &place, CWD, &other, RenameFlags::EXCHANGE).unwrap();
            }
        });
        let (mut inside, mut refused) = (0, 0);
        for _ in 0..STARTS {
            match pwd(&world, &["place"]).await {
                // Both names may be the directory's by the time it says where it is.
                Ok(path) => {
                    assert!(path.starts_with(world.root().to_str().unwrap()), "{}: {path}", world.grade);
                    inside += 1;
                }
                Err(LaunchError::OutsideRoot | LaunchError::NoDirectory) => refused += 1,
                Err(other) => panic!("{other:?}"),
            }
        }
        done.store(true, Ordering::Relaxed);
        swapper.join().unwrap();
        assert_eq!(inside + refused, STARTS);
    }
}

/// Whole starts; the walk by itself is tried a thousand times beside its code.
const STARTS: u32 = 40;

//! Files that a command is shown.

use std::fs;
use std::path::{Path, PathBuf};

use astrid_host_process::{Injection, LaunchError, Placement};
use bytes::Bytes;

use crate::support::worlds;

fn injection(content: &[u8], placement: Placement) -> Injection {
    let content = Bytes::copy_from_slice(content);
    Injection { hash: *blake3::hash(&content).as_bytes(), content, placement }
}

fn at(path: impl Into<PathBuf>) -> Placement {
    Placement::FixedPath(path.into())
}

// process case 68
#[tokio::test]
async fn a_file_by_variable_is_read_and_cannot_be_changed_or_replaced() {
    for world in worlds() {
        let mut launch = world.sh(
            "cat \"$POLICY\"; echo x > \"$POLICY\"; chmod u+w \"$POLICY\" && echo x > \"$POLICY\"; \
             rm -f \"$POLICY\"; mv \"$POLICY\" /tmp/x; mv \"$(dirname \"$POLICY\")\" /tmp/y; cat \"$POLICY\"",
        );
        launch.env = vec![("POLICY".to_owned(), "x".to_owned())];
        launch.injections = vec![injection(b"deny all\n", Placement::EnvPointer("POLICY".to_owned()))];
        let done = world.run(launch).await;
        assert_eq!(done.output(), "deny all\ndeny all", "{} {}", world.grade, done.stderr);
    }
}

// process case 69
#[tokio::test]
async fn a_file_at_a_path_is_there_for_the_command_alone() {
    let path = Path::new("/etc/codex/requirements.toml");
    for world in worlds() {
        assert!(!path.exists());
        let mut launch = world
            .sh(&format!("cat {0}; rm -f {0}; echo x > {0}; mv /etc/codex /etc/x; cat {0}", path.display()));
        launch.injections = vec![injection(b"rules\n", at(path))];
        let done = world.try_run(launch).await;
        if world.bubblewrap() {
            assert_eq!(done.unwrap().output(), "rules\nrules");
        } else {
            assert!(matches!(done, Err(LaunchError::Injection)), "{done:?}");
        }
        assert!(!path.exists());
    }
}

#[tokio::test]
async fn a_path_that_cannot_be_held_is_refused() {
    for world in worlds().filter(|world| world.bubblewrap()) {
        let there = world.root().join("there");
        fs::write(&there, "old").unwrap();
        let refused = [
            "/proc/x",
            "/sys/x",
            "/dev/x",
            "/usr/new-file-of-a-test",
            "/tmp/parent/file",
            "relative",
            "/etc/../x",
            world.root().join("new").to_str().unwrap(),
        ]
        .map(PathBuf::from);
        for path in refused {
            let mut launch = world.launch("true", &[]);
            launch.injections = vec![injection(b"x", at(&path))];
            let done = world.try_run(launch).await;
            assert!(matches!(done, Err(LaunchError::Injection)), "{path:?}: {done:?}");
        }
        let protected = world.scratch.path().canonicalize().unwrap().join("x");
        let mut launch = world.launch("true", &[]);
        launch.injections = vec![injection(b"x", at(protected))];
        assert!(matches!(world.try_run(launch).await, Err(LaunchError::Masked)));

        let mut launch = world.sh("cat there /tmp/direct /usr/bin/env; echo x > there");
        launch.injections = [there.clone(), "/tmp/direct".into(), "/usr/bin/env".into()]
            .map(|path| injection(b"new\n", at(path)))
            .into();
        let done = world.run(launch).await;
        assert_eq!(done.stdout, "new\nnew\nnew\n", "{}", done.stderr);
        assert_eq!(fs::read(there).unwrap(), b"old");
    }
}

#[tokio::test]
async fn a_file_that_is_not_what_was_hashed_is_not_shown() {
    for world in worlds() {
        let marker = world.root().join("ran");
        let mut launch = world.launch("touch", &[marker.to_str().unwrap()]);
        let mut wrong = injection(b"right", Placement::EnvPointer("POLICY".to_owned()));
        wrong.content = Bytes::from_static(b"wrong");
        launch.injections = vec![wrong];
        let why = world.try_run(launch).await.unwrap_err();
        assert_eq!(why.to_string(), "an injected file is not what was given", "{}", world.grade);
        assert!(!marker.exists());
    }
}

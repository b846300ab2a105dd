//! What a command finds in its environment, and which programs it finds.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;

use astrid_host_process::{Roots, WorkDir};

use crate::support::{World, worlds, worlds_with};

fn plant(directory: &std::path::Path, name: &str) {
    let program = directory.join(name);
    fs::write(&program, "#!/bin/sh\necho planted\n").unwrap();
    fs::set_permissions(program, fs::Permissions::from_mode(0o755)).unwrap();
}

// process case 12
#[tokio::test]
async fn a_command_has_exactly_what_is_passed_on_and_what_it_was_given() {
    for world in worlds_with(|builder, _| builder.host_variable("LANG", "C").host_variable("SECRET", "no")) {
        let mut launch = world.launch("env", &[]);
        launch.env = vec![("A".to_owned(), "1".to_owned())];
        let done = world.run(launch).await;
        let names: BTreeSet<_> = done.output().lines().map(|line| line.split_once('=').unwrap().0).collect();
        let mut expected = BTreeSet::from(["A", "HOME", "LANG", "PATH", "TMPDIR"]);
        expected
            .extend(["LC_ALL", "LC_CTYPE", "TZ"].into_iter().filter(|name| std::env::var_os(name).is_some()));
        assert_eq!(names, expected, "{}", world.grade);
        assert!(done.stdout.lines().any(|line| line == "A=1"));
        assert_eq!(done.stdout.lines().any(|line| line == "HOME=/home/agent"), world.bubblewrap());
    }
}

#[tokio::test]
async fn home_and_temporary_directory_are_private_and_discarded() {
    for world in worlds() {
        let script = "echo x > $HOME/kept && echo x > $TMPDIR/kept && stat -c %a $HOME/kept && ls -A $HOME $TMPDIR | grep -c kept";
        for _ in 0..2 {
            assert_eq!(world.run(world.sh(script)).await.output(), "600\n2", "{}", world.grade);
        }
        let left = files(world.scratch.path());
        assert!(left.is_empty(), "{left:?}");
        // Nor where the command took the right to remove it away.
        world.run(world.sh("mkdir -p $HOME/a/b && chmod 0 $HOME/a/b $HOME/a")).await.output();
        assert!(files(world.scratch.path()).is_empty());
    }
}

/// Everything in the folders of hosts.
fn files(scratch: &std::path::Path) -> Vec<std::path::PathBuf> {
    let hosts = fs::read_dir(scratch).unwrap().flatten();
    hosts.flat_map(|host| fs::read_dir(host.path()).unwrap().flatten().map(|entry| entry.path())).collect()
}

#[tokio::test]
async fn home_is_where_the_guest_put_it() {
    for world in worlds() {
        let home = tempfile::tempdir().unwrap();
        fs::create_dir(home.path().join("x")).unwrap();
        let mut launch = world.sh("echo kept > $HOME/file; cat $HOME/file");
        launch.roots = Roots { home: Some((home.path().to_owned(), true)), ..launch.roots };
        launch.home = Some(WorkDir::Home(vec!["x".to_owned()]));
        assert_eq!(world.run(launch).await.output(), "kept", "{}", world.grade);
        assert_eq!(fs::read_to_string(home.path().join("x/file")).unwrap(), "kept\n");

        let mut launch = world.sh("cat $HOME/x/file; echo more >> $HOME/x/file || echo refused");
        launch.roots = Roots { home: Some((home.path().to_owned(), false)), ..launch.roots };
        launch.home = Some(WorkDir::Home(vec![]));
        assert_eq!(world.run(launch).await.output(), "kept\nrefused");
    }
}

// process case 79
#[tokio::test]
async fn a_program_planted_in_the_workspace_is_not_run() {
    let open = tempfile::tempdir().unwrap();
    fs::set_permissions(open.path(), fs::Permissions::from_mode(0o777)).unwrap();
    plant(open.path(), "uname");
    let path = |workspace: &std::path::Path| {
        format!(".::bin:{}:{}:/usr/bin:/bin", workspace.display(), open.path().display())
    };
    for world in worlds_with(|builder, workspace| builder.host_variable("PATH", path(workspace))) {
        plant(world.workspace.path(), "uname");
        assert_eq!(world.run(world.launch("uname", &[])).await.output(), "Linux", "{}", world.grade);
        assert_eq!(world.run(world.sh("echo $PATH")).await.output(), "/usr/bin:/bin");
        planted_by_name(&world).await;
    }
}

/// An absolute path is the one that was named, wherever it is.
async fn planted_by_name(world: &World) {
    let own = world.root().join("uname");
    assert_eq!(world.run(world.launch(own.to_str().unwrap(), &[])).await.output(), "planted");
}

#[tokio::test]
async fn programs_of_the_hosts_own_path_are_found() {
    let tools = tempfile::tempdir().unwrap();
    fs::set_permissions(tools.path(), fs::Permissions::from_mode(0o755)).unwrap();
    plant(tools.path(), "a-tool");
    let path = format!("{}:/usr/bin:/bin", tools.path().display());
    for world in worlds_with(|builder, _| builder.host_variable("PATH", &path)) {
        assert_eq!(world.run(world.launch("a-tool", &[])).await.output(), "planted", "{}", world.grade);
    }
}

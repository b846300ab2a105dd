//! `fs_read` and `fs_write`.
#![expect(clippy::unwrap_used, reason = "a test that cannot set up must fail")]
#![expect(dead_code, reason = "each test binary uses some of the helpers")]

mod common;

use std::path::{Path, PathBuf};

use astrid_host_context::Target;
use astrid_security_gate::{ManifestSecurityGate, Roots};
use common::{ask, gate, gate_in, manifest, read, reason, write};

/// A workspace, a home of the host, and roots over them.
struct Disk {
    dir: tempfile::TempDir,
}

impl Disk {
    fn new(dirs: &[&str]) -> Self {
        // Not below /tmp, which as an entry is the principal's scratch.
        let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        for path in dirs {
            std::fs::create_dir_all(dir.path().join(path)).unwrap();
        }
        Self { dir }
    }

    fn path(&self, path: &str) -> PathBuf {
        self.dir.path().join(path)
    }

    fn roots(&self, workspace: &str, home: &str) -> Roots {
        Roots::resolve(Some(&self.path(workspace)), Some(&self.path(home)))
    }
}

// security-gate case 7
#[test]
fn a_subtree_covers_itself_and_below_by_component() {
    let gate = gate(r#"fs_read = ["cwd://src"]"#);
    for covered in ["workspace://src", "workspace://src/a.rs", "workspace://src/deep/er"] {
        assert!(read(&gate, covered).is_ok(), "{covered}");
    }
    for not in [
        "workspace://src-evil/a",
        "workspace://",
        "workspace://sr",
        "workspace://a/src",
        "home://src/a",
        "tmp://src",
    ] {
        assert!(read(&gate, not).is_err(), "{not}");
    }
}

// security-gate case 8
#[test]
fn a_climbing_segment_is_denied_and_named() {
    let gate = gate(r#"fs_read = ["*", "home://"]"#);
    for climbing in
        ["workspace://src/../../etc/passwd", "workspace://src/../src/a", "home://../bob/x", "home://.."]
    {
        let reason = reason(read(&gate, climbing));
        assert!(reason.contains("the segment \"..\""), "{reason}");
    }
}

// security-gate case 9
#[test]
fn a_star_is_the_workspace_alone() {
    let gate = gate(r#"fs_read = ["*"]"#);
    assert!(read(&gate, "workspace://any").is_ok());
    assert!(read(&gate, "workspace://").is_ok());
    assert!(read(&gate, "home://x").is_err());
    assert!(read(&gate, "tmp://x").is_err());
}

#[test]
fn every_spelling_of_a_workspace_entry_is_the_same_grant() {
    for entry in ["cwd://src", "workspace://src", "src", "./src/", "cwd:///src//."] {
        let gate = gate(&format!("fs_read = [{entry:?}]"));
        assert!(read(&gate, "workspace://src/a").is_ok(), "{entry}");
        assert!(read(&gate, "workspace://other").is_err(), "{entry}");
    }
    for entry in ["cwd://", "workspace://", "*", "."] {
        assert!(read(&gate(&format!("fs_read = [{entry:?}]")), "workspace://any").is_ok(), "{entry}");
    }
}

// security-gate case 12, 13
#[test]
fn a_home_entry_is_the_invoking_principals_home() {
    let gate = gate(r#"fs_read = ["home://notes"]"#);
    for principal in ["alice", "bob"] {
        assert!(ask(&gate, principal, ("fs", "read"), Target::Path("home://notes/a")).is_ok());
    }
    assert!(read(&gate, "home://diary").is_err());
    assert!(write(&gate, "home://notes/a").is_err(), "reading is not writing");
}

// security-gate case 14
#[test]
fn a_tmp_entry_is_the_principals_scratch() {
    for entry in ["/tmp", "tmp://"] {
        let gate = gate(&format!("fs_write = [{entry:?}]"));
        assert!(write(&gate, "tmp://x").is_ok());
        assert!(write(&gate, "workspace://tmp/x").is_err());
        assert!(write(&gate, "home://x").is_err());
        assert!(read(&gate, "tmp://x").is_err(), "writing is not reading");
    }
    let gate = gate(r#"fs_write = ["/tmp/sub"]"#);
    assert!(write(&gate, "tmp://sub/x").is_ok());
    assert!(write(&gate, "tmp://x").is_err());
}

#[test]
fn the_whole_home_includes_its_scratch_and_a_part_does_not() {
    assert!(write(&gate(r#"fs_write = ["home://"]"#), "tmp://x").is_ok());
    assert!(write(&gate(r#"fs_write = ["home://notes"]"#), "tmp://x").is_err());
}

// security-gate case 15
#[test]
fn the_hosts_part_of_a_home_is_closed_whatever_is_declared() {
    let gate = gate("fs_write = [\"home://\"]\nfs_read = [\"home://\"]");
    for open in ["home://.config/spark.toml", "home://.config", "home://memory.md", "home://.localx"] {
        assert!(write(&gate, open).is_ok(), "{open}");
        assert!(read(&gate, open).is_ok(), "{open}");
    }
    for closed in [
        "home://.local",
        "home://.local/log/x",
        "home://.local/tmp/demo/x",
        "home://.config/env/aos-openai.env.json",
        "home://.config/secrets",
    ] {
        assert!(write(&gate, closed).is_err(), "{closed}");
        assert!(reason(read(&gate, closed)).contains("the host's own"), "{closed}");
    }
    // Shipped capsules read their neighbours' manifests.
    assert!(read(&gate, "home://.local/capsules/evil/Capsule.toml").is_ok());
    assert!(write(&gate, "home://.local/capsules/evil/Capsule.toml").is_err());
}

#[test]
fn naming_a_closed_part_does_not_open_it() {
    let gate = gate(r#"fs_read = ["home://.config/env", "home://.local/log"]"#);
    assert!(read(&gate, "home://.config/env/a").is_err());
    assert!(read(&gate, "home://.local/log/a").is_err());
}

// security-gate case 15
#[test]
fn a_workspace_that_contains_the_hosts_home_does_not_open_it() {
    let disk = Disk::new(&["ws/in/astrid/secrets", "ws/in/astrid/home/alice"]);
    let roots = disk.roots("ws", "ws/in/astrid");
    let gate = gate_in("fs_read = [\"*\"]\nfs_write = [\"*\"]", &roots);
    for closed in ["keys", "etc/profiles", "run", "secrets/a", "cache", "bin/x.wasm", "log", "state/kv"] {
        let path = format!("workspace://in/astrid/{closed}");
        assert!(read(&gate, &path).is_err(), "{path}");
        assert!(write(&gate, &path).is_err(), "{path}");
    }
    assert!(read(&gate, "workspace://in/astrid/home/bob/notes").is_err());
    assert!(read(&gate, "workspace://in/astrid/home/alice/notes").is_ok());
    assert!(read(&gate, "workspace://in/astrid/home/alice/.config/env/x").is_err());
    assert!(read(&gate, "workspace://in/other").is_ok());
    assert!(write(&gate, "workspace://in/astridx").is_ok());
    // Moving a directory above would open what is in it.
    for above in [
        "workspace://in",
        "workspace://in/astrid",
        "workspace://in/astrid/home",
        "workspace://in/astrid/home/alice",
    ] {
        assert!(write(&gate, above).is_err(), "{above}");
    }
    let nobody = ask_without_principal(&gate, "workspace://in/astrid/home/alice/notes");
    assert!(nobody, "a request of nobody reaches no home");
}

fn ask_without_principal(gate: &ManifestSecurityGate, path: &str) -> bool {
    use astrid_host_context::{Action, CapsuleSecurityGate, Request};
    let (capsule, action) = (gate.capsule(), Action::new("fs", "read"));
    gate.check(&Request { principal: None, capsule, action, target: Target::Path(path) }).is_err()
}

#[test]
fn a_workspace_inside_the_hosts_home_is_judged_by_where_it_lies() {
    let disk = Disk::new(&["astrid/home/alice/project", "astrid/etc"]);
    let open = gate_in(r#"fs_read = ["*"]"#, &disk.roots("astrid/home/alice/project", "astrid"));
    assert!(read(&open, "workspace://src").is_ok());
    assert!(ask(&open, "bob", ("fs", "read"), Target::Path("workspace://src")).is_err());
    let closed = gate_in(r#"fs_read = ["*"]"#, &disk.roots("astrid/etc", "astrid"));
    assert!(read(&closed, "workspace://profiles/alice.toml").is_err());
}

// security-gate case 9
#[test]
fn an_absolute_entry_counts_only_inside_the_workspace() {
    let disk = Disk::new(&["ws/src", "ws-evil", "astrid"]);
    let entry = |path: &str| format!("fs_read = [{:?}]", disk.path(path));
    let roots = disk.roots("ws", "astrid");
    let inside = gate_in(&entry("ws/src"), &roots);
    assert!(read(&inside, "workspace://src/a").is_ok());
    assert!(read(&inside, "workspace://other").is_err());
    assert!(inside.warnings().is_empty());
    for outside in ["ws-evil", "", "astrid"] {
        let gate = gate_in(&entry(outside), &roots);
        assert!(read(&gate, "workspace://src").is_err(), "{outside}");
        assert_eq!(gate.warnings().len(), 1, "{outside}");
    }
    let unknown = gate(&entry("ws/src"));
    assert!(read(&unknown, "workspace://src").is_err());
}

#[cfg(unix)]
#[test]
fn links_on_the_way_to_a_root_or_an_entry_are_resolved_at_construction() {
    let disk = Disk::new(&["real/src", "astrid"]);
    std::os::unix::fs::symlink(disk.path("real"), disk.path("alias")).unwrap();
    let entry = |path: &str| format!("fs_read = [{:?}]", disk.path(path));
    for (root, pattern) in [("alias", "real/src"), ("real", "alias/src"), ("alias", "alias/src")] {
        let gate = gate_in(&entry(pattern), &disk.roots(root, "astrid"));
        assert!(read(&gate, "workspace://src/a").is_ok(), "{root} {pattern}");
    }
    // What does not exist yet is below something that does.
    let later = gate_in(&entry("alias/later/on"), &disk.roots("real", "astrid"));
    assert!(read(&later, "workspace://later/on/a").is_ok());
}

#[test]
fn a_root_that_does_not_exist_is_taken_literally() {
    let missing = Path::new("/nonexistent-astrid/ws");
    let roots = Roots::resolve(Some(missing), None);
    let gate = gate_in(r#"fs_read = ["/nonexistent-astrid/ws/src"]"#, &roots);
    assert!(read(&gate, "workspace://src/a").is_ok());
}

// security-gate case 16
#[test]
fn logical_paths_have_plain_segments_alone() {
    let gate = gate(r#"fs_read = ["home://notes"]"#);
    assert!(read(&gate, "home://notes").is_ok());
    for bad in [
        "home://notes//a",
        "home://./a",
        "home://notesX",
        "home://notes/",
        "home:///notes",
        "home://notes/a\0b",
    ] {
        assert!(read(&gate, bad).is_err(), "{bad:?}");
    }
}

#[test]
fn any_other_spelling_is_denied() {
    let gate = gate(r#"fs_read = ["*", "home://", "/tmp"]"#);
    for bad in ["", "a", "/a", "/etc/passwd", "cwd://a", "HOME://a", "file:///a", "home:/a", "workspace"] {
        assert!(read(&gate, bad).is_err(), "{bad:?}");
    }
    let other = ask(&gate, "alice", ("fs", "read"), Target::Key("home://a"));
    assert!(other.is_err(), "a key is no path");
    assert!(ask(&gate, "alice", ("fs", "chmod"), Target::Path("home://a")).is_err());
}

// security-gate case 25
#[test]
fn an_over_long_path_is_an_invalid_path_and_its_denial_is_short() {
    let gate = gate(r#"fs_read = ["*"]"#);
    let long = format!("workspace://{}", "x".repeat(1 << 20));
    let denial = read(&gate, &long).unwrap_err();
    assert!(denial.reason.contains("invalid path"));
    assert!(denial.reason.len() < 600, "{}", denial.reason.len());
    let info = allocation_counter::measure(|| drop(read(&gate, &long)));
    assert!(info.bytes_max < 16 * 1024, "{} bytes", info.bytes_max);
}

#[test]
fn an_entry_that_means_nothing_makes_no_gate() {
    for bad in ["foo://x", "HOME://x", "cafe\u{301}"] {
        let manifest = manifest(&format!("fs_read = [\"{bad}\"]"));
        let error = ManifestSecurityGate::builder(&manifest).build().unwrap_err();
        assert!(error.to_string().starts_with("[capabilities].fs_read: "), "{error}");
    }
}

#[test]
fn a_child_may_write_the_declared_parts_of_the_home() {
    let gate = gate(r#"fs_write = ["home://notes", "home://a/b", "cwd://x", "/tmp", "home://.local/log"]"#);
    let home = Path::new("/h/alice");
    assert_eq!(gate.process_home_write_paths(home), [home.join("a/b"), home.join("notes")]);
    assert!(self::gate(r#"fs_write = ["*"]"#).process_home_write_paths(home).is_empty());
}

//! `capsule run --overlay` and `capsule overlay`: where changes to the workspace end.

use crate::support::place::Place;
use crate::support::{Ended, names, run};

const WRITE: &str = r#"scribe:write={"path":"new","content":"text"}"#;
const UNLINK: &str = r#"scribe:unlink={"path":"old"}"#;
const LIST: &str = r#"scribe:list={"path":""}"#;

fn scribe(place: &Place, args: &[&str]) -> Ended {
    let base = ["run", "scribe", "--home", "home", "--workspace", "ws"];
    run(place.path(), &[&base, args].concat())
}

fn overlay(place: &Place, args: &[&str]) -> Ended {
    run(place.path(), &[&["overlay", "--home", "home", "--workspace", "ws"], args].concat())
}

// fs case 51
#[test]
fn without_a_terminal_changes_are_kept_listed_and_decided_later() {
    let place = Place::scribe();
    let ended = scribe(&place, &["--overlay", "--call", WRITE, "--call", UNLINK, "--call", LIST]);
    assert!(ended.stderr.contains("default: 2 changes to the workspace"), "{}", ended.stderr);
    assert!(ended.stderr.contains("  added new\n  removed old\n"), "{}", ended.stderr);
    assert!(ended.stderr.contains("capsule overlay --commit"), "{}", ended.stderr);
    assert_eq!(ended.good(), "{\"ok\":null}\n{\"ok\":null}\n{\"ok\":[\"new\"]}\n");
    assert_eq!(names(&place.path().join("ws")), ["old"]);
    assert_eq!(scribe(&place, &["--call", LIST]).good(), "{\"ok\":[\"old\"]}\n");
    assert_eq!(scribe(&place, &["--overlay", "--call", LIST]).good(), "{\"ok\":[\"new\"]}\n");
    let listed = overlay(&place, &[]);
    assert!(listed.stderr.contains("  added new\n  removed old\n"), "{}", listed.stderr);
    assert_eq!(names(&place.path().join("ws")), ["old"]);
    let committed = overlay(&place, &["--commit"]);
    assert!(committed.stderr.contains("default: 2 changes committed to ws"), "{}", committed.stderr);
    committed.good();
    assert_eq!(names(&place.path().join("ws")), ["new"]);
    assert_eq!(std::fs::read_to_string(place.path().join("ws/new")).unwrap(), "text");
    assert_eq!(overlay(&place, &[]).stderr, "");
}

// fs case 51
#[test]
fn a_switch_decides_at_the_end_of_the_run() {
    let place = Place::scribe();
    let dropped = scribe(&place, &["--overlay", "--rollback", "--call", WRITE]);
    assert!(dropped.stderr.contains("default: 1 change rolled back in ws"), "{}", dropped.stderr);
    dropped.good();
    assert_eq!(overlay(&place, &[]).stderr, "");
    assert_eq!(names(&place.path().join("ws")), ["old"]);
    scribe(&place, &["--overlay", "--commit", "--call", WRITE]).good();
    assert_eq!(names(&place.path().join("ws")), ["new", "old"]);
    assert_eq!(overlay(&place, &[]).stderr, "");
}

#[test]
fn a_run_that_failed_commits_nothing() {
    let place = Place::scribe();
    let refuse = r#"scribe:refuse={}"#;
    let ended = scribe(&place, &["--overlay", "--commit", "--call", WRITE, "--call", refuse]);
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    assert!(ended.stderr.contains("nothing is committed"), "{}", ended.stderr);
    assert!(ended.stderr.contains("  added new\n"), "{}", ended.stderr);
    assert_eq!(names(&place.path().join("ws")), ["old"]);
    overlay(&place, &["--rollback"]).good();
    assert_eq!(overlay(&place, &[]).stderr, "");
}

// fs case 51
#[test]
fn principals_and_workspaces_have_changes_of_their_own() {
    let place = Place::scribe();
    crate::support::write(place.path(), "other/old", "other");
    scribe(&place, &["--overlay", "--principal", "alice", "--call", WRITE]).good();
    let bob = scribe(&place, &["--overlay", "--principal", "bob", "--call", UNLINK, "--call", LIST]);
    assert_eq!(bob.stdout, "{\"ok\":null}\n{\"ok\":[]}\n", "{}", bob.stderr);
    let both = overlay(&place, &[]).stderr;
    assert!(both.contains("alice: 1 change") && both.contains("bob: 1 change"), "{both}");
    let other = run(place.path(), &["overlay", "--home", "home", "--workspace", "other", "--commit"]);
    assert_eq!(other.stderr, "");
    // Whoever decides at the end of a run decides about its own principal.
    scribe(&place, &["--overlay", "--commit", "--call", LIST]).good();
    assert_eq!(names(&place.path().join("ws")), ["old"]);
    let one = overlay(&place, &["--commit", "--principal", "alice"]).stderr;
    assert!(one.contains("alice: 1 change committed") && one.contains("bob: 1 change to"), "{one}");
    assert_eq!(names(&place.path().join("ws")), ["new", "old"]);
    overlay(&place, &["--commit"]).good();
    assert_eq!(names(&place.path().join("ws")), ["new"]);
    assert_eq!(names(&place.path().join("other")), ["old"]);
}

#[test]
fn a_decision_needs_an_overlay_and_is_one() {
    let place = Place::scribe();
    scribe(&place, &["--commit", "--call", WRITE]).refused(2, &["--overlay"]);
    scribe(&place, &["--overlay", "--commit", "--rollback"]).refused(2, &["--rollback"]);
    overlay(&place, &["--commit", "--rollback"]).refused(2, &["--rollback"]);
    assert!(!place.home().exists(), "nothing is made for a command that is wrong");
}

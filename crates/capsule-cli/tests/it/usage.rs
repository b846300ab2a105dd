//! A wrong command line: one line, exit code 2.

use std::path::Path;

use crate::support::run;

#[test]
fn a_wrong_command_line_is_one_line_and_code_2() {
    let here = Path::new(".");
    run(here, &[]).refused(2, &["requires a subcommand", "--help"]);
    run(here, &["buld"]).refused(2, &["buld", "build"]);
    run(here, &["new"]).refused(2, &["<NAME>"]);
    run(here, &["new", "a", "b"]).refused(2, &["'b'"]);
    run(here, &["build"]).refused(2, &["<DIR>"]);
    run(here, &["build", "--fast", "."]).refused(2, &["--fast"]);
    run(here, &["inspect", "--jsn", "."]).refused(2, &["--jsn", "--json"]);
    run(here, &["check"]).refused(2, &["<DIRS>"]);
}

#[test]
fn help_and_version_are_no_errors() {
    let here = Path::new(".");
    assert!(run(here, &["--help"]).good().contains("inspect"));
    assert!(run(here, &["help", "build"]).good().contains("<DIR>"));
    assert_eq!(run(here, &["--version"]).good(), format!("capsule {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn without_a_terminal_there_are_no_colours() {
    let dir = tempfile::tempdir().unwrap();
    crate::support::good_capsule(dir.path());
    assert!(!run(dir.path(), &["inspect", "."]).good().contains('\u{1b}'));
    assert!(!run(dir.path(), &["--help"]).good().contains('\u{1b}'));
    assert!(!run(dir.path(), &["inspect", "x"]).stderr.contains('\u{1b}'));
}

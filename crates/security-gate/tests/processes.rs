//! `host_process` and `allow_persistent`.
#![expect(dead_code, reason = "each test binary uses some of the helpers")]

mod common;

use astrid_host_context::Target;
use common::{ask, gate, reason, run};

// security-gate case 17
#[test]
fn leading_arguments_are_whole_words() {
    let gate = gate(r#"host_process = ["git status"]"#);
    assert!(run(&gate, "spawn", &["git", "status"]).is_ok());
    assert!(run(&gate, "spawn", &["git", "status", "-s"]).is_ok());
    assert!(run(&gate, "spawn", &["git", "statusx"]).is_err());
    assert!(run(&gate, "spawn", &["git", "push"]).is_err());
    assert!(run(&gate, "spawn", &["git"]).is_err());
    assert!(run(&gate, "spawn", &["git", "-c", "alias.status=!sh", "status"]).is_err());
    assert!(run(&gate, "spawn", &["git status", "-s"]).is_err(), "a program holds no space");
}

// security-gate case 18
#[test]
fn a_bare_name_is_neither_a_path_nor_a_prefix() {
    let gate = gate(r#"host_process = ["bash"]"#);
    assert!(run(&gate, "spawn", &["bash", "-c", "rm x"]).is_ok());
    assert!(run(&gate, "spawn", &["bash"]).is_ok());
    for other in ["/bin/bash", "bashful", "./bash", "BASH"] {
        assert!(run(&gate, "spawn", &[other, "-c", "x"]).is_err(), "{other}");
    }
}

// process case 2
#[test]
fn programs_compare_verbatim_and_a_star_grants_nothing() {
    let git = gate(r#"host_process = ["git"]"#);
    assert!(run(&git, "spawn", &["/usr/bin/git"]).is_err());
    assert!(run(&git, "spawn", &["git ", "status"]).is_err());
    let star = gate(r#"host_process = ["*", "./x", "a/b"]"#);
    for program in ["sh", "*", "./x", "a/b"] {
        assert!(run(&star, "spawn", &[program]).is_err(), "{program}");
    }
    assert_eq!(star.warnings().len(), 3);
    let path = gate(r#"host_process = ["/usr/bin/git"]"#);
    assert!(run(&path, "spawn", &["/usr/bin/git", "push"]).is_ok());
    assert!(run(&path, "spawn", &["git", "push"]).is_err());
}

#[test]
fn a_program_that_the_host_would_refuse_is_refused_here_too() {
    let gate = gate(r#"host_process = ["bash"]"#);
    for bad in ["", "ba sh", "bash\0", "bash\n", " bash"] {
        assert!(run(&gate, "spawn", &[bad]).is_err(), "{bad:?}");
    }
}

// security-gate case 19
#[test]
fn a_persistent_spawn_needs_its_own_flag() {
    let without = gate(r#"host_process = ["bash"]"#);
    let reason = reason(run(&without, "persist", &["bash"]));
    assert!(reason.contains("allow_persistent"), "{reason}");
    let with = gate("host_process = [\"bash\"]\nallow_persistent = true");
    assert!(run(&with, "persist", &["bash"]).is_ok());
    assert!(run(&with, "persist", &["sh"]).is_err(), "the flag names no program");
    let alone = gate("allow_persistent = true");
    assert!(run(&alone, "persist", &["bash"]).is_err());
}

#[test]
fn calls_on_a_running_process_need_any_entry() {
    let some = gate(r#"host_process = ["bash"]"#);
    assert!(ask(&some, "alice", ("process", "spawn"), Target::None).is_ok());
    assert!(ask(&some, "alice", ("process", "persist"), Target::None).is_err());
    assert!(ask(&gate(""), "alice", ("process", "spawn"), Target::None).is_err());
    assert!(ask(&some, "alice", ("process", "spawn"), Target::Path("home://bash")).is_err());
    assert!(ask(&some, "alice", ("process", "kill"), Target::None).is_err());
}

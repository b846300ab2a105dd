//! Which components have hooks at all.

use super::who;
use crate::support::Place;
use astrid_capsule::{CapsuleError, Code, HookPhase, Runtime};

const PHASES: [(&str, HookPhase); 2] =
    [("install", HookPhase::Install), ("upgrade", HookPhase::Upgrade { from: String::new() })];

/// A component whose exports are the functions of one core module by these names; it cannot be
/// instantiated if `start` says so.
fn component(functions: &str, exports: &[(&str, &str)], start: &str) -> Vec<u8> {
    let core: String = exports.iter().map(|(name, of)| format!("(export \"{name}\" (func ${of}))")).collect();
    let lifted: String = exports
        .iter()
        .map(|(name, _)| format!("(func (export \"{name}\") (canon lift (core func $i \"{name}\")))"))
        .collect();
    let text = format!(
        "(component (core module $m {functions} {core} {start}) (core instance $i (instantiate $m)) {lifted})"
    );
    wat::parse_str(text).unwrap()
}

async fn run(
    runtime: &Runtime,
    place: &Place,
    component: &[u8],
    phase: HookPhase,
) -> Result<bool, CapsuleError> {
    let dir = place.capsule("shape", component, "");
    let done = runtime.run_hook(dir, &who("alice"), phase).await?;
    let ran = done.ran();
    done.commit().await.map(|()| ran)
}

/// Which of the two hooks are called.
async fn called(functions: &str, run_install_upgrade: [&str; 3]) -> [bool; 2] {
    let place = Place::new();
    let runtime = place.runtime().await;
    let [a, b, c] = run_install_upgrade;
    let component = component(functions, &[("run", a), ("astrid-install", b), ("astrid-upgrade", c)], "");
    let mut ran = [false; 2];
    for (ran, (_, phase)) in ran.iter_mut().zip(PHASES) {
        *ran = run(&runtime, &place, &component, phase).await.unwrap();
    }
    ran
}

const THREE: &str = "(func $x) (func $y nop) (func $z nop nop)";

// guest case 4, engines case 13
#[tokio::test]
async fn a_hook_that_shares_its_function_with_the_loop_is_a_placeholder() {
    assert_eq!(called(THREE, ["x", "x", "x"]).await, [false, false]);
    assert_eq!(
        called(THREE, ["x", "y", "y"]).await,
        [true, true],
        "each other's placeholder is called and returns"
    );
    assert_eq!(called(THREE, ["x", "y", "x"]).await, [true, false]);
    assert_eq!(called(THREE, ["x", "y", "z"]).await, [true, true]);
}

// guest case 5
#[tokio::test]
async fn a_hook_whose_code_is_the_loops_is_a_placeholder() {
    assert_eq!(called("(func $x) (func $y) (func $z)", ["x", "y", "z"]).await, [false, false]);
    let forwards = "(func $seven nop) (func $x call $seven) (func $y nop) (func $z nop nop)";
    assert_eq!(called(forwards, ["x", "y", "z"]).await, [false, true]);
}

// engines case 13
#[tokio::test]
async fn a_placeholder_is_a_success_without_an_instance_and_a_hook_of_its_own_is_called() {
    let place = Place::new();
    let runtime = place.runtime().await;
    let exports = |install| [("run", "x"), ("astrid-install", install), ("astrid-upgrade", "x")];
    let functions = "(func $x) (func $boom unreachable)";
    // Instantiating this one traps.
    let placeholder = component(functions, &exports("x"), "(start $boom)");
    for (name, phase) in PHASES {
        assert!(!run(&runtime, &place, &placeholder, phase).await.unwrap(), "{name}");
    }
    assert_eq!(runtime.compilations(), 0);
    let real = component(functions, &exports("boom"), "");
    let failed = run(&runtime, &place, &real, HookPhase::Install).await.unwrap_err();
    assert_eq!(failed.to_string(), "capsule 'shape': astrid-install trapped: unreachable");
    let stillborn = component(functions, &exports("boom"), "(start $boom)");
    let failed = run(&runtime, &place, &stillborn, HookPhase::Install).await.unwrap_err();
    assert_eq!(failed.code(), Code::Instantiate, "{failed}");
}

#[tokio::test]
async fn a_capsule_without_the_export_or_without_a_program_has_no_hook() {
    let place = Place::new();
    let runtime = place.runtime().await;
    let loop_alone = component(THREE, &[("run", "x")], "");
    let install_alone = component(THREE, &[("astrid-install", "x")], "");
    let words = place.path("words");
    std::fs::create_dir_all(&words).unwrap();
    std::fs::write(words.join("Capsule.toml"), "[package]\nname = \"words\"\nversion = \"1.0.0\"\n").unwrap();
    for (name, phase) in PHASES {
        assert!(!run(&runtime, &place, &loop_alone, phase.clone()).await.unwrap());
        assert_eq!(run(&runtime, &place, &install_alone, phase.clone()).await.unwrap(), name == "install");
        assert!(!runtime.run_hook(&words, &who("alice"), phase).await.unwrap().ran());
    }
}

// guest §1
#[tokio::test]
async fn a_hook_of_another_type_or_with_an_unknown_import_is_refused_by_name() {
    let place = Place::new();
    let runtime = place.runtime().await;
    let wrong = r#"(component (core module $m (func (export "f") (result i32) i32.const 0))
        (core instance $i (instantiate $m))
        (func (export "astrid-install") (result u32) (canon lift (core func $i "f"))))"#;
    let foreign = r#"(component (import "wasi:cli/environment@0.2.3" (instance (export "f" (func))))
        (core module $m (func (export "f"))) (core instance $i (instantiate $m))
        (func (export "astrid-install") (canon lift (core func $i "f"))))"#;
    for (text, code, named) in [
        (wrong, Code::UnsupportedEntryPoint, "astrid-install"),
        (foreign, Code::UnlinkedImport, "wasi:cli/environment@0.2.3"),
    ] {
        let component = wat::parse_str(text).unwrap();
        let refused = run(&runtime, &place, &component, HookPhase::Install).await.unwrap_err();
        assert_eq!(refused.code(), code, "{refused}");
        assert!(refused.to_string().contains(named), "{refused}");
    }
}

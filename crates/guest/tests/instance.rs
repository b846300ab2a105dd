//! Types, linking and calls of whole components.
#![expect(clippy::unwrap_used, reason = "a test that cannot set up must fail")]

use astrid_guest::{
    CallError, CapsuleResult, Exports, GuestPre, InstanceError, WrongType, add_to_linker, check_types,
};
use wasmtime::component::{Component, Linker};
use wasmtime::{Engine, Store};

fn compile(engine: &Engine, wat: &str) -> (Component, Exports) {
    let bytes = wat::parse_str(wat).unwrap();
    (Component::from_binary(engine, &bytes).unwrap(), Exports::inspect(&bytes).unwrap())
}

fn types_of(wat: &str) -> Result<(), WrongType> {
    let engine = Engine::default();
    check_types(&compile(&engine, wat).0, &engine)
}

fn guest(engine: &Engine, wat: &str) -> Result<GuestPre<()>, InstanceError> {
    let (component, exports) = compile(engine, wat);
    let mut linker = Linker::new(engine);
    add_to_linker(&mut linker).unwrap();
    GuestPre::new(linker.instantiate_pre(&component).unwrap(), exports)
}

/// A handler that answers with the action it was called with and the payload as data; its type is
/// imported from the lifecycle interface, as in guests of the common SDK. `data` is the field's name.
fn echo(data: &str) -> String {
    format!(
        r#"(component
        (import "astrid:guest/lifecycle@1.0.0" (instance $lifecycle
            (type $r (record (field "action" string) (field "{data}" (option string))))
            (export "capsule-result" (type (eq $r)))))
        (alias export $lifecycle "capsule-result" (type $result))
        (core module $m
            (memory (export "memory") 4)
            (global $next (mut i32) (i32.const 64))
            (func (export "realloc") (param i32 i32 i32 i32) (result i32)
                (global.get $next)
                (global.set $next (i32.add (global.get $next) (local.get 3))))
            (func (export "hook") (param i32 i32 i32 i32) (result i32)
                (if (i32.eqz (local.get 1)) (then (unreachable)))
                (i32.store (i32.const 0) (local.get 0))
                (i32.store (i32.const 4) (local.get 1))
                (i32.store (i32.const 8) (i32.const 1))
                (i32.store (i32.const 12) (local.get 2))
                (i32.store (i32.const 16) (local.get 3))
                (i32.const 0)))
        (core instance $i (instantiate $m))
        (type $hook (func (param "action" string) (param "payload" (list u8)) (result $result)))
        (func (export "astrid-hook-trigger") (type $hook)
            (canon lift (core func $i "hook") (memory $i "memory") (realloc (func $i "realloc")))))"#
    )
}

const LIFECYCLE_HOOKS: &str = r#"(component
    (core module $m
        (global $n (mut i32) (i32.const 0))
        (func (export "run") (if (i32.eqz (global.get $n)) (then (unreachable))))
        (func (export "astrid-install") (global.set $n (i32.const 1)))
        (func (export "astrid-upgrade") (global.set $n (i32.const 0))))
    (core instance $i (instantiate $m))
    (func (export "run") (canon lift (core func $i "run")))
    (func (export "astrid-install") (canon lift (core func $i "astrid-install")))
    (func (export "astrid-upgrade") (canon lift (core func $i "astrid-upgrade"))))"#;

// guest case 2
#[test]
fn a_run_that_returns_something_is_refused_by_name_with_its_type() {
    let error = types_of(
        r#"(component
            (core module $m (func (export "run") (result i32) (i32.const 0)))
            (core instance $i (instantiate $m))
            (func (export "run") (result u32) (canon lift (core func $i "run"))))"#,
    )
    .unwrap_err();
    assert_eq!(error.export, "run");
    assert_eq!(error.to_string(), "export run has the wrong type: found func() -> u32, expected func()");
}

// guest case 2
#[test]
fn a_handler_with_a_wrong_field_name_is_refused_by_name_with_its_type() {
    assert_eq!(types_of(&echo("data")), Ok(()));
    let error = types_of(&echo("date")).unwrap_err();
    assert_eq!(error.export, "astrid-hook-trigger");
    assert_eq!(
        error.found,
        "func(action: string, payload: list<u8>) -> record { action: string, date: option<string> }"
    );
    let engine = Engine::default();
    assert!(matches!(guest(&engine, &echo("date")), Err(InstanceError::WrongType(_))));
}

// guest case 2
#[test]
fn the_type_of_a_placeholder_is_checked_too() {
    let error = types_of(
        r#"(component
            (core module $m (func (export "astrid-upgrade") (param i32)))
            (core instance $i (instantiate $m))
            (func (export "astrid-upgrade") (param "x" bool) (canon lift (core func $i "astrid-upgrade"))))"#,
    )
    .unwrap_err();
    assert_eq!((error.export, &*error.found), ("astrid-upgrade", "func(x: bool)"));
}

// guest case 3
#[test]
fn an_instance_named_run_has_no_type_to_be_wrong() {
    assert_eq!(types_of(r#"(component (instance $i) (export "run" (instance $i)))"#), Ok(()));
}

#[test]
fn a_huge_type_is_cut_in_the_error() {
    // Validation allows a million parts; this has 131,072.
    let mut types = "(type $t0 (tuple u8 u8))".to_owned();
    for n in 1..9 {
        types.push_str(&format!("(type $t{n} (tuple $t{0} $t{0} $t{0} $t{0}))", n - 1));
    }
    let error = types_of(&format!(
        r#"(component {types}
            (core module $m (memory (export "m") 1) (func (export "run") (param i32))
                (func (export "r") (param i32 i32 i32 i32) (result i32) unreachable))
            (core instance $i (instantiate $m))
            (func (export "run") (param "x" $t8)
                (canon lift (core func $i "run") (memory $i "m") (realloc (func $i "r")))))"#
    ));
    let error = error.unwrap_err();
    assert!(error.found.ends_with('…') && error.found.len() < 300, "{}", error.found);
}

// guest case 10
#[tokio::test]
async fn a_guest_that_imports_the_lifecycle_types_loads_and_its_handler_answers() {
    let engine = Engine::default();
    let guest = guest(&engine, &echo("data")).unwrap();
    assert!(guest.exports().has_hook);
    let mut store = Store::new(&engine, ());
    let instance = guest.instantiate(&mut store).await.unwrap();
    let answer = instance.call_hook(&mut store, "on_message", br#"{"n":1}"#).await.unwrap();
    let expected = CapsuleResult { action: "on_message".to_owned(), data: Some(r#"{"n":1}"#.to_owned()) };
    assert_eq!(answer, expected);
    // A second call on the same instance; nothing has to be given back in between.
    assert_eq!(instance.call_hook(&mut store, "again", b"2").await.unwrap().action, "again");
}

// guest case 10
#[test]
fn an_import_of_wasi_is_refused_by_name() {
    let engine = Engine::default();
    let (component, _) = compile(
        &engine,
        r#"(component (import "wasi:clocks/monotonic-clock@0.2.0" (instance (export "now" (func (result u64))))))"#,
    );
    let mut linker = Linker::<()>::new(&engine);
    add_to_linker(&mut linker).unwrap();
    let error = linker.instantiate_pre(&component).err().expect("nothing provides wasi");
    assert!(format!("{error:#}").contains("wasi:clocks/monotonic-clock@0.2.0"), "{error:#}");
}

#[tokio::test]
async fn run_install_and_upgrade_are_called_by_name_on_one_instance() {
    let engine = Engine::default();
    let guest = guest(&engine, LIFECYCLE_HOOKS).unwrap();
    let mut store = Store::new(&engine, ());
    let instance = guest.instantiate(&mut store).await.unwrap();
    instance.call_install(&mut store).await.unwrap();
    instance.call_run(&mut store).await.unwrap();
    instance.call_upgrade(&mut store).await.unwrap();
    let trap = instance.call_run(&mut store).await.unwrap_err();
    let CallError::Ended { export: "run", source } = trap else { unreachable!("{trap}") };
    assert_eq!(source.downcast_ref(), Some(&wasmtime::Trap::UnreachableCodeReached));
}

#[tokio::test]
async fn an_export_that_is_absent_or_a_placeholder_is_not_callable() {
    let engine = Engine::default();
    let (component, exports) = compile(&engine, LIFECYCLE_HOOKS);
    let pre = Linker::new(&engine).instantiate_pre(&component).unwrap();
    let guest = GuestPre::new(pre, exports.without_run()).unwrap();
    let mut store = Store::new(&engine, ());
    let instance = guest.instantiate(&mut store).await.unwrap();
    assert!(matches!(instance.call_run(&mut store).await, Err(CallError::NotExported("run"))));
    let hook = instance.call_hook(&mut store, "a", b"").await;
    assert!(matches!(hook, Err(CallError::NotExported("astrid-hook-trigger"))));
}

#[test]
fn an_inspection_of_other_bytes_is_noticed() {
    let engine = Engine::default();
    let (component, _) = compile(&engine, "(component)");
    let pre = Linker::<()>::new(&engine).instantiate_pre(&component).unwrap();
    let error = GuestPre::new(pre, Exports { has_run: true, ..Exports::default() }).unwrap_err();
    assert!(matches!(error, InstanceError::Missing("run")));
}

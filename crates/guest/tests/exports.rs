//! Which exports are real: the guest chapter's cases about placeholders.
#![expect(clippy::unwrap_used, reason = "a test that cannot set up must fail")]

use astrid_guest::{Exports, InspectError};

const NONE: Exports = Exports { has_hook: false, has_run: false, has_install: false, has_upgrade: false };
const ALL_THREE: Exports = Exports { has_hook: false, has_run: true, has_install: true, has_upgrade: true };

fn inspect(wat: &str) -> Exports {
    Exports::inspect(&wat::parse_str(wat).unwrap()).unwrap()
}

/// A component that exports the trio, lifted from one core module with this text.
fn trio(module: &str) -> String {
    format!(
        r#"(component
            (core module $m {module})
            (core instance $i (instantiate $m))
            (func (export "run") (canon lift (core func $i "run")))
            (func (export "astrid-install") (canon lift (core func $i "astrid-install")))
            (func (export "astrid-upgrade") (canon lift (core func $i "astrid-upgrade"))))"#
    )
}

/// The trio exported at these function indices; function `n` sets the global to `n`, so all differ.
fn at_indices(run: u32, install: u32, upgrade: u32) -> Exports {
    let functions: String = (0..4).map(|n| format!("(func (global.set 0 (i32.const {n})))")).collect();
    inspect(&trio(&format!(
        r#"(global (mut i32) (i32.const 0)) {functions}
           (export "run" (func {run}))
           (export "astrid-install" (func {install}))
           (export "astrid-upgrade" (func {upgrade}))"#
    )))
}

fn bodies(run: &str, install: &str, upgrade: &str, more: &str) -> Exports {
    inspect(&trio(&format!(
        r#"(global (mut i32) (i32.const 0))
           (func (export "run") {run})
           (func (export "astrid-install") {install})
           (func (export "astrid-upgrade") {upgrade})
           {more}"#
    )))
}

// guest case 1
#[test]
fn a_component_with_only_a_handler_has_a_handler_and_nothing_else() {
    let exports = inspect(
        r#"(component
            (core module $m (func (export "f")))
            (core instance $i (instantiate $m))
            (func (export "astrid-hook-trigger") (canon lift (core func $i "f"))))"#,
    );
    assert_eq!(exports, Exports { has_hook: true, ..NONE });
}

#[test]
fn a_component_without_any_of_the_four_is_legal_and_has_none() {
    assert_eq!(inspect("(component)"), NONE);
}

// guest case 3
#[test]
fn an_instance_a_type_or_a_core_global_named_run_is_no_run() {
    assert_eq!(inspect(r#"(component (instance $i) (export "run" (instance $i)))"#), NONE);
    assert_eq!(inspect(r#"(component (type $t u8) (export "run" (type $t)))"#), NONE);
    let core_global = r#"(component (core module (global (export "run") i32 (i32.const 0))))"#;
    assert_eq!(inspect(core_global), NONE);
}

#[test]
fn a_run_exported_by_a_nested_component_alone_is_no_run() {
    let nested = r#"(component (component
        (core module $m (func (export "run")))
        (core instance $i (instantiate $m))
        (func (export "run") (canon lift (core func $i "run")))))"#;
    assert_eq!(inspect(nested), NONE);
}

// guest case 4
#[test]
fn exports_that_share_a_core_function_with_run_are_placeholders() {
    assert_eq!(at_indices(1, 1, 1), NONE);
    assert_eq!(at_indices(1, 1, 2), Exports { has_upgrade: true, ..NONE });
    assert_eq!(at_indices(1, 2, 1), Exports { has_install: true, ..NONE });
}

// guest case 4
#[test]
fn install_and_upgrade_that_share_only_with_each_other_are_real() {
    assert_eq!(at_indices(1, 2, 2), ALL_THREE);
    assert_eq!(bodies("(global.set 0 (i32.const 1))", "(nop)", "(nop)", ""), ALL_THREE);
}

// guest case 4
#[test]
fn three_different_bodies_are_real() {
    assert_eq!(at_indices(1, 2, 3), ALL_THREE);
}

// guest case 5
#[test]
fn three_functions_with_byte_identical_bodies_are_placeholders() {
    assert_eq!(bodies("(nop)", "(nop)", "(nop)", ""), NONE);
}

// guest case 5
#[test]
fn code_is_compared_behind_forwarding_calls() {
    let same = "(global.set 0 (i32.const 7))";
    let forwarded = bodies("(call 3)", same, "(nop)", &format!("(func {same})"));
    assert_eq!(forwarded, Exports { has_upgrade: true, ..NONE });
    // Both forward, by chains of different length, to one function.
    let joined = bodies("(call 3)", "(call 4)", "(nop)", &format!("(func (call 4)) (func {same})"));
    assert_eq!(joined, Exports { has_upgrade: true, ..NONE });
}

// guest case 5
#[test]
fn four_forwarding_calls_are_followed_and_a_fifth_is_not() {
    let same = "(global.set 0 (i32.const 7))";
    let four = format!("(func (call 4)) (func (call 5)) (func (call 6)) (func {same})");
    assert_eq!(bodies("(call 3)", same, "(nop)", &four), Exports { has_upgrade: true, ..NONE });
    let five = format!("(func (call 4)) (func (call 5)) (func (call 6)) (func (call 7)) (func {same})");
    assert_eq!(bodies("(call 3)", same, "(nop)", &five), ALL_THREE);
}

#[test]
fn a_body_that_does_more_than_forward_is_not_followed() {
    let same = "(global.set 0 (i32.const 7))";
    assert_eq!(bodies("(call 3) (nop)", same, "(nop) (nop)", &format!("(func {same})")), ALL_THREE);
}

#[test]
fn functions_that_forward_to_each_other_forever_end_the_search() {
    assert_eq!(bodies("(call 3)", "(nop)", "(nop) (nop)", "(func (call 0))"), ALL_THREE);
}

#[test]
fn imported_functions_count_into_the_index_space() {
    let module = r#"(import "host" "call" (func $host))
        (func $real (call $host) (nop))
        (func $stub)
        (export "run" (func $real))
        (export "astrid-install" (func $stub))
        (export "astrid-upgrade" (func $real))"#;
    let wat = format!(
        r#"(component
            (core module $h (func (export "call")))
            (core instance $hi (instantiate $h))
            (core module $m {module})
            (core instance $i (instantiate $m (with "host" (instance $hi))))
            (func (export "run") (canon lift (core func $i "run")))
            (func (export "astrid-install") (canon lift (core func $i "astrid-install")))
            (func (export "astrid-upgrade") (canon lift (core func $i "astrid-upgrade"))))"#
    );
    assert_eq!(inspect(&wat), Exports { has_install: true, ..NONE });
}

// guest case 6
#[test]
fn code_is_compared_within_one_module_only() {
    let exports = inspect(
        r#"(component
            (core module $a (func (export "run")))
            (core module $b (func (export "astrid-install")))
            (core instance $i (instantiate $a))
            (core instance $j (instantiate $b))
            (func (export "run") (canon lift (core func $i "run")))
            (func (export "astrid-install") (canon lift (core func $j "astrid-install"))))"#,
    );
    assert_eq!(exports, Exports { has_upgrade: false, ..ALL_THREE });
}

#[test]
fn modules_of_nested_components_are_judged_too() {
    let exports = inspect(
        r#"(component
            (component $inner
                (core module $m (func $f) (export "run" (func $f)) (export "astrid-install" (func $f)))
                (core instance $i (instantiate $m))
                (func (export "run") (canon lift (core func $i "run"))))
            (instance $inst (instantiate $inner))
            (alias export $inst "run" (func $run))
            (export "run" (func $run)))"#,
    );
    assert_eq!(exports, NONE);
}

// guest case 7, the part that needs no host
#[test]
fn a_run_that_failed_its_probation_can_be_forgotten() {
    assert_eq!(ALL_THREE.without_run(), Exports { has_run: false, ..ALL_THREE });
}

#[test]
fn a_core_module_is_named_as_what_it_is() {
    let module = wat::parse_str(r#"(module (func (export "run")))"#).unwrap();
    assert_eq!(Exports::inspect(&module), Err(InspectError::CoreModule));
}

// guest case 9
#[test]
fn random_bytes_are_an_error_and_never_a_panic() {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    for round in 0..1000 {
        let mut bytes: Vec<u8> = (0..next() % 512).map(|_| next() as u8).collect();
        // Every other string begins like a component, so that the reader gets past the first check.
        if round % 2 == 0 {
            bytes.splice(0..0, *b"\0asm\x0d\0\x01\0");
            bytes.push(0xff);
        }
        assert!(Exports::inspect(&bytes).is_err(), "{bytes:?}");
    }
}

// guest case 9
#[test]
fn a_cut_component_never_has_an_export_that_the_whole_one_lacks() {
    let whole = wat::parse_str(trio(
        r#"(func $f (nop)) (export "run" (func $f))
           (export "astrid-install" (func $f)) (export "astrid-upgrade" (func $f))"#,
    ))
    .unwrap();
    assert_eq!(Exports::inspect(&whole).unwrap(), NONE);
    let mut refused = 0;
    for cut in 0..whole.len() {
        // A cut between two sections is a component of its own, with fewer exports.
        match Exports::inspect(&whole[..cut]) {
            Ok(exports) => assert_eq!(exports, NONE, "cut at {cut}"),
            Err(_) => refused += 1,
        }
    }
    assert!(refused * 10 > whole.len() * 8, "{refused} of {}", whole.len());
}

// guest case 9
#[test]
fn a_changed_byte_is_an_error_or_an_answer_and_never_a_panic() {
    let whole = wat::parse_str(trio(
        r#"(func $f (nop)) (export "run" (func $f))
           (export "astrid-install" (func $f)) (export "astrid-upgrade" (func $f))"#,
    ))
    .unwrap();
    let mut errors = 0;
    for at in 0..whole.len() {
        for value in [0x00, 0x01, 0x7f, 0x80, 0xff] {
            let mut bytes = whole.clone();
            bytes[at] = value;
            errors += u32::from(Exports::inspect(&bytes).is_err());
        }
    }
    assert!(errors > 100, "{errors}");
}

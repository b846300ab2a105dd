//! The frozen file alone, against this crate, the first version beside it, and io.

use crate::common::Store;
use astrid_host_testkit::{dummy_guest, imports_of, offers};
use wasmtime::Engine;
use wasmtime::component::{Component, Linker};

// process case 67
#[test]
fn guests_of_both_versions_link_over_one_state() {
    let engine = Engine::default();
    let mut linker = Linker::<Store>::new(&engine);
    astrid_host_process::add_to_linker(&mut linker).unwrap();
    astrid_host_process_v1_1::add_to_linker(&mut linker).unwrap();
    astrid_host_io::add_to_linker(&mut linker).unwrap();
    for (wit, name) in
        [("wit", "astrid:process/host@1.1.0"), ("../host-process/wit", "astrid:process/host@1.0.0")]
    {
        let guest = dummy_guest(wit).unwrap();
        assert!(imports_of(&guest).unwrap().contains(&name.to_owned()));
        linker.instantiate_pre(&Component::new(&engine, &guest).unwrap()).unwrap();
    }
}

#[test]
fn nothing_but_the_one_interface_is_linked() {
    let offered =
        |instance| offers::<Store>(astrid_host_process_v1_1::add_to_linker, instance, "spawn").unwrap();
    assert!(offered("astrid:process/host@1.1.0"));
    assert!(!offered("astrid:process/host@1.0.0"));
}

/// A guest that hands the handle of one version to a function that takes `wanted`'s.
fn hands_over(handle: &str, wanted: &str) -> String {
    let import = |name: &str, version: &str| {
        format!(
            r#"(import "astrid:process/host@{version}" (instance ${name}
                (export "process-handle" (type $h (sub resource)))
                (export "use" (func (param "self" (borrow $h)))))
              )
              (alias export ${name} "process-handle" (type $handle-{name}))"#
        )
    };
    format!(
        r#"(component {} {}
            (component $taker
                (import "handle" (type $t (sub resource)))
                (import "use" (func (param "self" (borrow $t)))))
            (instance (instantiate $taker
                (with "handle" (type $handle-{handle}))
                (with "use" (func ${wanted} "use")))))"#,
        import("old", "1.0.0"),
        import("new", "1.1.0"),
    )
}

// process case 67
#[test]
fn a_handle_of_one_version_is_none_of_the_other() {
    let engine = Engine::default();
    for (version, other) in [("old", "new"), ("new", "old")] {
        Component::new(&engine, hands_over(version, version)).unwrap();
        let refused = Component::new(&engine, hands_over(version, other)).unwrap_err();
        assert!(format!("{refused:#}").contains("resource types are not the same"), "{refused:#}");
    }
}

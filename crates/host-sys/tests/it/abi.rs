//! The frozen file alone, against this crate alone.

use crate::common::{State, state};
use astrid_host_sys::{SysCtx, add_to_linker};
use astrid_host_testkit::{FakeHost, dummy_guest, imports_of};
use wasmtime::component::{Component, Linker};
use wasmtime::{Engine, Store};

const WIT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/wit");

#[tokio::test]
async fn a_guest_that_imports_every_function_links_and_instantiates() {
    let component = dummy_guest(WIT).unwrap();
    assert_eq!(imports_of(&component).unwrap(), ["astrid:sys/host@1.0.0"]);
    let engine = Engine::default();
    let mut linker = Linker::<State>::new(&engine);
    add_to_linker(&mut linker).unwrap();
    let component = Component::new(&engine, component).unwrap();
    let data = state(FakeHost::builder(), SysCtx::builder());
    linker.instantiate_async(Store::new(&engine, data), &component).await.unwrap();
}

#[test]
fn nothing_but_the_one_interface_is_linked() {
    let mut linker = Linker::<State>::new(&Engine::default());
    add_to_linker(&mut linker).unwrap();
    linker.allow_shadowing(false);
    let mut define = |instance: &str, function: &str| {
        linker.instance(instance)?.func_wrap(function, |_, (): ()| -> wasmtime::Result<()> { Ok(()) })
    };
    assert!(define("astrid:sys/host@1.0.0", "get-config").is_err(), "it was not linked");
    define("astrid:sys/host@1.0.0", "get-other").unwrap();
    define("astrid:sys/host@1.0.1", "get-config").unwrap();
    define("astrid:io/poll@1.0.0", "poll").unwrap();
}

#[test]
fn the_staged_file_is_the_frozen_one() {
    let frozen = concat!(env!("CARGO_MANIFEST_DIR"), "/../../wit/host/sys@1.0.0.wit");
    let staged = format!("{WIT}/sys@1.0.0.wit");
    assert_eq!(std::fs::read(frozen).unwrap(), std::fs::read(staged).unwrap());
}

// sys case 45
#[test]
fn the_ten_functions_are_offered_with_the_types_of_the_frozen_file() {
    let engine = Engine::default();
    let component = Component::new(&engine, dummy_guest(WIT).unwrap()).unwrap();
    let mut linker = Linker::<State>::new(&engine);
    add_to_linker(&mut linker).unwrap();
    // Types are compared one by one here, as binaries and not by name alone.
    linker.instantiate_pre(&component).unwrap();
    let imports = component.component_type();
    let (_, host) = imports.imports(&engine).next().unwrap();
    let wasmtime::component::types::ComponentItem::ComponentInstance(host) = host.ty else {
        panic!("an interface is an instance")
    };
    let is_function = |item: &wasmtime::component::types::ComponentItem| {
        matches!(item, wasmtime::component::types::ComponentItem::ComponentFunc(_))
    };
    let mut functions: Vec<_> = host
        .exports(&engine)
        .filter(|(_, item)| is_function(&item.ty))
        .map(|(name, _)| name.to_owned())
        .collect();
    functions.sort();
    let mut ten = [
        "check-capsule-capability",
        "clock-monotonic-ns",
        "clock-ms",
        "enumerate-capabilities",
        "get-caller",
        "get-config",
        "log",
        "random-bytes",
        "signal-ready",
        "sleep-ns",
    ];
    ten.sort_unstable();
    assert_eq!(functions, ten);
}

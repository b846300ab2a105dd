//! The frozen file alone, against this crate alone.
#![expect(clippy::unwrap_used, reason = "a test that cannot set up must fail")]
#![expect(dead_code, reason = "each test binary uses some of the helpers")]

mod common;

use astrid_host_testkit::{FakeHost, dummy_guest, imports_of};
use astrid_host_uplink::add_to_linker;
use common::State;
use wasmtime::component::{Component, Linker};
use wasmtime::{Engine, Store};

const WIT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/wit");

#[tokio::test]
async fn a_guest_that_imports_every_function_links_and_instantiates() {
    let component = dummy_guest(WIT).unwrap();
    assert_eq!(imports_of(&component).unwrap(), ["astrid:uplink/host@1.0.0"]);
    let engine = Engine::default();
    let mut linker = Linker::<State>::new(&engine);
    add_to_linker(&mut linker).unwrap();
    let component = Component::new(&engine, component).unwrap();
    let (state, _kernel) = common::host(FakeHost::builder());
    linker.instantiate_async(Store::new(&engine, state), &component).await.unwrap();
}

#[test]
fn nothing_but_the_one_interface_is_linked() {
    let mut linker = Linker::<State>::new(&Engine::default());
    add_to_linker(&mut linker).unwrap();
    linker.allow_shadowing(false);
    let mut define = |instance: &str, function: &str| {
        linker.instance(instance)?.func_wrap(function, |_, (): ()| -> wasmtime::Result<()> { Ok(()) })
    };
    assert!(define("astrid:uplink/host@1.0.0", "uplink-send").is_err(), "it was not linked");
    define("astrid:uplink/host@1.0.0", "uplink-other").unwrap();
    define("astrid:uplink/host@1.0.1", "uplink-send").unwrap();
}

#[test]
fn the_staged_file_is_the_frozen_one() {
    let frozen = concat!(env!("CARGO_MANIFEST_DIR"), "/../../wit/host/uplink@1.0.0.wit");
    let staged = format!("{WIT}/uplink@1.0.0.wit");
    assert_eq!(std::fs::read(frozen).unwrap(), std::fs::read(staged).unwrap());
}

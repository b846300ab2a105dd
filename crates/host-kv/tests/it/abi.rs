//! The frozen file alone, against this crate alone.

use std::sync::Arc;

use crate::common::{State, state};
use astrid_host_kv::{Memory, add_to_linker};
use astrid_host_testkit::{FakeHost, dummy_guest, imports_of};
use wasmtime::component::{Component, Linker};
use wasmtime::{Engine, Store};

const WIT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/wit");

#[tokio::test]
async fn a_guest_that_imports_every_function_links_and_instantiates() {
    let component = dummy_guest(WIT).unwrap();
    assert_eq!(imports_of(&component).unwrap(), ["astrid:kv/host@1.0.0"]);
    let engine = Engine::default();
    let mut linker = Linker::<State>::new(&engine);
    add_to_linker(&mut linker).unwrap();
    let component = Component::new(&engine, component).unwrap();
    let data = state(FakeHost::builder(), Arc::new(Memory::new()));
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
    assert!(define("astrid:kv/host@1.0.0", "kv-get").is_err(), "it was not linked");
    define("astrid:kv/host@1.0.0", "kv-other").unwrap();
    define("astrid:kv/host@1.0.1", "kv-get").unwrap();
    define("astrid:io/poll@1.0.0", "poll").unwrap();
}

#[test]
fn the_staged_file_is_the_frozen_one() {
    let frozen = concat!(env!("CARGO_MANIFEST_DIR"), "/../../wit/host/kv@1.0.0.wit");
    let staged = format!("{WIT}/kv@1.0.0.wit");
    assert_eq!(std::fs::read(frozen).unwrap(), std::fs::read(staged).unwrap());
}

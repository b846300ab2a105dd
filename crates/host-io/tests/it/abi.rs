//! The frozen file alone, against this crate alone.

use crate::common::{State, state};
use astrid_host_io::add_to_linker;
use astrid_host_testkit::{dummy_guest, imports_of};
use wasmtime::component::{Component, Linker};
use wasmtime::{Engine, Store};

const WIT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/wit");

#[tokio::test]
async fn a_guest_that_imports_every_function_links_and_instantiates() {
    let component = dummy_guest(WIT).unwrap();
    assert_eq!(
        imports_of(&component).unwrap(),
        ["astrid:io/error@1.0.0", "astrid:io/poll@1.0.0", "astrid:io/streams@1.0.0"]
    );
    let engine = Engine::default();
    let mut linker = Linker::<State>::new(&engine);
    add_to_linker(&mut linker).unwrap();
    let component = Component::new(&engine, component).unwrap();
    linker.instantiate_async(Store::new(&engine, state()), &component).await.unwrap();
}

#[test]
fn the_staged_file_is_the_frozen_one() {
    let frozen = concat!(env!("CARGO_MANIFEST_DIR"), "/../../wit/host/io@1.0.0.wit");
    let staged = format!("{WIT}/io@1.0.0.wit");
    assert_eq!(std::fs::read(frozen).unwrap(), std::fs::read(staged).unwrap());
}

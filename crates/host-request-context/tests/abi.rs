//! The frozen file against the linker.
#![expect(clippy::unwrap_used, reason = "a test that cannot set up must fail")]

#[expect(dead_code, reason = "linking needs the store's type alone")]
mod common;

use astrid_host_testkit::dummy_guest;
use common::Store;
use wasmtime::Engine;
use wasmtime::component::{Component, Linker};

#[test]
fn a_guest_that_imports_everything_links_with_net_and_io_beside_it() {
    let engine = Engine::default();
    let mut linker = Linker::<Store>::new(&engine);
    astrid_host_request_context::add_to_linker(&mut linker).unwrap();
    astrid_host_net::add_to_linker(&mut linker).unwrap();
    astrid_host_io::add_to_linker(&mut linker).unwrap();
    let guest = Component::new(&engine, dummy_guest("wit").unwrap()).unwrap();
    linker.instantiate_pre(&guest).unwrap();
}

//! The frozen file against the linker.

use crate::common::Store;
use astrid_host_testkit::{dummy_guest, imports_of};
use wasmtime::Engine;
use wasmtime::component::{Component, Linker};

#[test]
fn a_guest_that_imports_everything_links_against_this_crate_and_io() {
    let guest = dummy_guest("wit").unwrap();
    assert_eq!(
        imports_of(&guest).unwrap(),
        ["astrid:io/error@1.0.0", "astrid:io/poll@1.0.0", "astrid:io/streams@1.0.0", "astrid:net/host@1.0.0"]
    );
    let engine = Engine::default();
    let mut linker = Linker::<Store>::new(&engine);
    astrid_host_net::add_to_linker(&mut linker).unwrap();
    astrid_host_io::add_to_linker(&mut linker).unwrap();
    linker.instantiate_pre(&Component::new(&engine, &guest).unwrap()).unwrap();
}

#[test]
fn this_crate_links_no_io() {
    let engine = Engine::default();
    let mut linker = Linker::<Store>::new(&engine);
    astrid_host_net::add_to_linker(&mut linker).unwrap();
    let guest = Component::new(&engine, dummy_guest("wit").unwrap()).unwrap();
    let error = linker.instantiate_pre(&guest).err().unwrap();
    assert!(format!("{error:#}").contains("astrid:io/"), "{error:#}");
}

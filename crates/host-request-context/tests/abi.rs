//! The frozen file against the linker.
#![expect(clippy::unwrap_used, reason = "a test that cannot set up must fail")]

#[expect(dead_code, reason = "linking needs the store's type alone")]
mod common;

use astrid_host_testkit::link;
use common::Store;

#[test]
fn a_guest_that_imports_everything_links_with_net_and_io_beside_it() {
    let adds = [
        astrid_host_request_context::add_to_linker,
        astrid_host_net::add_to_linker,
        astrid_host_io::add_to_linker,
    ];
    let imports = link::<Store>("wit", &adds).unwrap();
    assert!(imports.contains(&"astrid:request-context/host@1.0.0".to_owned()), "{imports:?}");
}

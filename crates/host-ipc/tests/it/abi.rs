//! The frozen file against the linker.

use crate::common::Store;
use astrid_host_ipc::add_to_linker;
use astrid_host_testkit::link;

#[test]
fn a_guest_that_imports_everything_links_against_this_crate_and_io() {
    let imports = ["astrid:io/poll@1.0.0", "astrid:ipc/host@1.0.0"];
    assert_eq!(link::<Store>("wit", &[add_to_linker, astrid_host_io::add_to_linker]).unwrap(), imports);
}

#[test]
fn this_crate_links_no_io() {
    let error = link::<Store>("wit", &[add_to_linker]).unwrap_err();
    assert!(format!("{error:#}").contains("astrid:io/"), "{error:#}");
}

//! The frozen file alone, against this crate alone.

use crate::common::State;
use astrid_host_approval::add_to_linker;
use astrid_host_testkit::{link, offers};

#[test]
fn a_guest_that_imports_every_function_links() {
    assert_eq!(link::<State>("wit", &[add_to_linker]).unwrap(), ["astrid:approval/host@1.0.0"]);
}

#[test]
fn nothing_but_the_one_interface_is_linked() {
    let offered = |instance, function| offers::<State>(add_to_linker, instance, function).unwrap();
    assert!(offered("astrid:approval/host@1.0.0", "request-approval"));
    assert!(!offered("astrid:approval/host@1.0.1", "request-approval"));
    assert!(!offered("astrid:elicit/host@1.0.0", "elicit"));
}

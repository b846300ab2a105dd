//! The frozen file alone, against this crate alone.
#![expect(clippy::unwrap_used, reason = "a test that cannot set up must fail")]
#![expect(dead_code, reason = "linking needs the store's type alone")]

mod common;

use astrid_host_testkit::{link, offers};
use astrid_host_uplink::add_to_linker;
use common::State;

#[test]
fn a_guest_that_imports_every_function_links() {
    assert_eq!(link::<State>("wit", &[add_to_linker]).unwrap(), ["astrid:uplink/host@1.0.0"]);
}

#[test]
fn nothing_but_the_one_interface_is_linked() {
    let offered = |instance, function| offers::<State>(add_to_linker, instance, function).unwrap();
    assert!(offered("astrid:uplink/host@1.0.0", "uplink-send"));
    assert!(!offered("astrid:uplink/host@1.0.0", "uplink-other"));
    assert!(!offered("astrid:uplink/host@1.0.1", "uplink-send"));
    assert!(!offered("astrid:io/poll@1.0.0", "poll"));
}

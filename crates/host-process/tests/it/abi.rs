//! The frozen file alone, against this crate and io alone.

use astrid_host_process::add_to_linker;
use astrid_host_testkit::{link, offers};

use crate::common::State;

#[test]
fn a_guest_that_imports_every_function_links() {
    let imports = link::<State>("wit", &[add_to_linker, astrid_host_io::add_to_linker]).unwrap();
    assert!(imports.contains(&"astrid:process/host@1.0.0".to_owned()), "{imports:?}");
}

#[test]
fn nothing_but_the_one_interface_is_linked() {
    let offered = |instance, function| offers::<State>(add_to_linker, instance, function).unwrap();
    assert!(offered("astrid:process/host@1.0.0", "spawn-persistent"));
    assert!(!offered("astrid:process/host@1.1.0", "spawn"));
    assert!(!offered("astrid:io/poll@1.0.0", "poll"));
}
